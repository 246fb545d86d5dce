<?php
// Prints inbound.json, the vectors of what the Payrexx family and 2Checkout send to a
// shop, and of what a shop signs in a page or a reply. Run with:
//
//     php -n testdata/inbound.php > testdata/inbound.json
//
// Everything is computed with PHP's own functions: hash_hmac, md5, parse_str,
// urldecode, json_encode. Keys are invented, or placeholders of what is published.
//
// It is one script, since the parts share strings and keys: what is right for one is
// the mistake of another.
declare(strict_types=1);

const MACS = ['md5', 'sha256', 'sha3-256'];
const MACFIELDS = ['HASH' => 'md5', 'SIGNATURE_SHA2_256' => 'sha256', 'SIGNATURE_SHA3_256' => 'sha3-256'];

/* ---- Values, strings and hashes ---- */

// A value behind its length in bytes.
function lp(string $v): string { return strlen($v) . $v; }

function lps(array $values): string { return implode('', array_map('lp', array_map('strval', $values))); }

function utf8(string $s): bool { return preg_match('//u', $s) === 1; }

// Wrong on purpose: lengths in characters, or in UTF-16 units.
function chars(array $values, bool $utf16 = false): string
{
    $s = '';
    foreach ($values as $v) {
        $n = preg_match_all('/./us', (string)$v);
        if ($utf16) { $n += preg_match_all('/[\xf0-\xf4]/', (string)$v); }
        $s .= $n . $v;
    }
    return $s;
}

// A string as JSON can carry it: as text if it is UTF-8, else in hexadecimal digits.
function text(string $name, string $s): array
{
    return utf8($s) ? [$name => $s] : [$name . '_hex' => bin2hex($s)];
}

function macs(string $source, string $key, array $algos = MACS): array
{
    $r = [];
    foreach ($algos as $a) { $r[$a] = hash_hmac($a, $source, $key); }
    return $r;
}

// A body or query in its order, decoded: [[name, value], ...]. Cut at & only; a
// malformed % stays.
function pairs(string $body): array
{
    $r = [];
    foreach (explode('&', $body) as $p) {
        if ($p === '') { continue; }
        $e = explode('=', $p, 2);
        $r[] = [urldecode($e[0]), urldecode($e[1] ?? '')];
    }
    return $r;
}

function encode(array $pairs): string
{
    return implode('&', array_map(fn($p) => urlencode($p[0]) . '=' . urlencode($p[1]), $pairs));
}

// The string in the order of the body, less the three hash fields by their whole name.
function wireSource(string $body): string
{
    $s = '';
    foreach (pairs($body) as [$n, $v]) {
        if (!isset(MACFIELDS[$n])) { $s .= lp($v); }
    }
    return $s;
}

// The string in the order in which PHP keeps a form: an array gathers at its first
// element. Hash fields are left out by their key at every depth.
function phpSource(string $body): string
{
    parse_str($body, $form);
    $walk = function (array $a) use (&$walk): string {
        $s = '';
        foreach ($a as $k => $v) {
            if (is_string($k) && isset(MACFIELDS[$k])) { continue; }
            $s .= is_array($v) ? $walk($v) : lp((string)$v);
        }
        return $s;
    };
    return $walk($form);
}

/* ---- 2Checkout IPN and LCN requests ---- */

// $body may hold the mark {SIG} where the hash fields go, else they go last. The three
// signed bodies are what URLs that are set to each algorithm could get, with the other
// two fields empty.
function request(string $name, string $key, string $body, string $note = '', array $more = []): array
{
    $bare = str_replace(['&{SIG}', '{SIG}&', '{SIG}'], '', $body);
    $wire = wireSource($bare);
    $php = phpSource($bare);
    $place = str_contains($body, '{SIG}') ? $body : ($body === '' ? '{SIG}' : $body . '&{SIG}');
    $c = ['name' => $name, 'key' => $key];
    if ($note !== '') { $c['note'] = $note; }
    $c['body'] = $bare;
    $p = pairs($bare);
    $ok = array_reduce($p, fn($x, $q) => $x && utf8($q[0] . $q[1]), true);
    if ($ok) { $c['pairs'] = $p; }
    $c += text('source', $wire);
    $c['source_bytes'] = strlen($wire);
    $c['mac'] = macs($wire, $key);
    if ($php !== $wire) {
        $c['php_order'] = text('source', $php) + ['mac' => macs($php, $key)];
    }
    $c['signed'] = [];
    foreach (MACFIELDS as $field => $algo) {
        $sig = [];
        foreach (MACFIELDS as $f => $a) { $sig[] = $f . '=' . ($f === $field ? $c['mac'][$algo] : ''); }
        $c['signed'][$algo] = str_replace('{SIG}', implode('&', $sig), $place);
    }
    return $c + $more;
}

function wrong(string $key, array $sources, array $algos = ['sha256']): array
{
    $r = [];
    foreach ($sources as $why => $s) { $r[$why] = text('source', $s) + ['mac' => macs($s, $key, $algos)]; }
    return ['wrong' => $r];
}

function vals(string $body): array { return array_map(fn($p) => $p[1], array_filter(pairs($body), fn($p) => !isset(MACFIELDS[$p[0]]))); }

$K = 'inv3nted_Secret-Key#1';

$base = [
    ['SALEDATE', '2026-03-04 05:06:07'], ['REFNO', '240000001'], ['REFNOEXT', 'ORDER-77'], ['ORDERSTATUS', 'COMPLETE'],
    ['IPN_PID[]', '4711'], ['IPN_PNAME[]', 'Software program'], ['IPN_TOTALGENERAL', '49.90'], ['CURRENCY', 'EUR'],
    ['MESSAGE_ID', '9000000001'], ['MESSAGE_TYPE', 'COMPLETE'], ['IPN_DATE', '20260304050608'],
];
$baseBody = encode($base);
$with = function (array $change) use ($base): array {
    $r = [];
    foreach ($base as [$n, $v]) { $r[] = [$n, $change[$n] ?? $v]; }
    return $r;
};

$ipn = [];

/* The request of 2checkout-node-sdk f5b0a98, examples/testIpn.js, one field a line. */
const PUBLISHED = <<<'FORM'
GIFT_ORDER=0
SALEDATE=2021-04-16 14:34:07
PAYMENTDATE=0000-00-00 00:00:00
REFNO=149279389
REFNOEXT=CustOrd101
ORIGINAL_REFNOEXT[]=
SHOPPER_REFERENCE_NUMBER=
ORDERNO=0
ORDERSTATUS=PENDING
PAYMETHOD=Visa/MasterCard
PAYMETHOD_CODE=CCVISAMC
FIRSTNAME=John
LASTNAME=Doe
COMPANY=
REGISTRATIONNUMBER=
FISCALCODE=
TAX_OFFICE=
CBANKNAME=
CBANKACCOUNT=
ADDRESS1=Street 1
ADDRESS2=
CITY=Cleveland
STATE=Ohio
ZIPCODE=20034
COUNTRY=United States of America
COUNTRY_CODE=us
PHONE=
FAX=
CUSTOMEREMAIL=testcustomer@2Checkout.com
FIRSTNAME_D=John
LASTNAME_D=Doe
COMPANY_D=
ADDRESS1_D=Street 1
ADDRESS2_D=
CITY_D=Cleveland
STATE_D=Ohio
ZIPCODE_D=20034
COUNTRY_D=United States of America
COUNTRY_D_CODE=us
PHONE_D=
EMAIL_D=testcustomer@2Checkout.com
IPADDRESS=91.220.121.21
IPCOUNTRY=Romania
COMPLETE_DATE=0000-00-00 00:00:00
TIMEZONE_OFFSET=GMT+03:00
CURRENCY=USD
LANGUAGE=en
ORDERFLOW=REGULAR
IPN_PID[]=35269746
IPN_PNAME[]=Colored Pencil
IPN_PCODE[]=
IPN_EXTERNAL_REFERENCE[]=
IPN_INFO[]=
IPN_QTY[]=1
IPN_PRICE[]=2.00
IPN_VAT[]=0.00
IPN_VAT_RATE[]=0.00
IPN_VER[]=1
IPN_DISCOUNT[]=0.00
IPN_PROMOTION_CATEGORY[]=
IPN_PROMONAME[]=
IPN_PROMOCODE[]=
IPN_ORDER_COSTS[]=0
IPN_SKU[]=
IPN_PARTNER_CODE=
IPN_PGROUP[]=0
IPN_PGROUP_NAME[]=
MESSAGE_ID=250847481432
MESSAGE_TYPE=PENDING
IPN_LICENSE_PROD[]=35269746
IPN_LICENSE_TYPE[]=REGULAR
IPN_LICENSE_REF[]=
IPN_LICENSE_EXP[]=
IPN_LICENSE_START[]=
IPN_LICENSE_LIFETIME[]=NO
IPN_LICENSE_ADDITIONAL_INFO[]=
IPN_DELIVEREDCODES[]=
IPN_DOWNLOAD_LINK=
IPN_TOTAL[]=2.00
IPN_TOTALGENERAL=2.00
IPN_SHIPPING=0.00
IPN_SHIPPING_TAX=0.00
AVANGATE_CUSTOMER_REFERENCE=
EXTERNAL_CUSTOMER_REFERENCE=
IPN_PARTNER_MARGIN_PERCENT=0.00
IPN_PARTNER_MARGIN=0.00
IPN_EXTRA_MARGIN=0.00
IPN_EXTRA_DISCOUNT=0.00
IPN_COUPON_DISCOUNT=0.00
IPN_LINK_SOURCE=tcolib.local
IPN_ORIGINAL_LINK_SOURCE[]=
IPN_COMMISSION=0.5985
REFUND_TYPE=
CHARGEBACK_RESOLUTION=NONE
CHARGEBACK_REASON_CODE=
TEST_ORDER=1
IPN_ORDER_ORIGIN=API
FRAUD_STATUS=PENDING
CARD_TYPE=Visa
CARD_LAST_DIGITS=1111
CARD_EXPIRATION_DATE=
GATEWAY_RESPONSE=
IPN_DATE=20210416143408
FX_RATE=1
FX_MARKUP=0
PAYABLE_AMOUNT=1.40
PAYOUT_CURRENCY=USD
VENDOR_CODE=250111206876
PROPOSAL_ID=
FORM;
const PUBLISHED_HASH = '294570c4158e879029d622c0165c409d';
$pp = array_map(fn($line) => explode('=', $line, 2), explode("\n", PUBLISHED));
$c = request('published request of 110 fields', '#test_Secret-keY', encode($pp),
    'the fields, the key and the md5 are published in 2checkout-node-sdk f5b0a98, examples/testIpn.js; the rest is computed');
if ($c['mac']['md5'] !== PUBLISHED_HASH) { fwrite(STDERR, "published request differs\n"); exit(1); }
unset($c['pairs'], $c['signed']);
$c['published'] = ['md5' => PUBLISHED_HASH];
$ipn[] = $c;

$ipn[] = request('plain', $K, $baseBody);
$ipn[] = request('same pairs, other order', $K, encode(array_reverse($base)),
    'the order of the body is part of the message: sorting by name or reading a map gives another hash');

$b = encode($with(['REFNOEXT' => '', 'IPN_TOTALGENERAL' => '0', 'MESSAGE_ID' => '00']));
$ipn[] = request('empty and zero', $K, $b, 'empty is 0, the value 0 is 10, 00 is 200', wrong($K, [
    'empty values left out' => lps(array_filter(vals($b), fn($v) => $v !== '')),
    'zero taken for empty' => implode('', array_map(fn($v) => empty($v) ? '0' : lp($v), vals($b))),
]));

$b = encode($with(['IPN_PNAME[]' => "Müller’s Größenmaß 漢字 😀", 'REFNOEXT' => "e\u{301}-\u{e9}"]));
$ipn[] = request('UTF-8', $K, $b, 'lengths are bytes; the two accents of REFNOEXT stay as sent (no normalisation)', wrong($K, [
    'length in characters' => chars(vals($b)),
    'length in UTF-16 units' => chars(vals($b), true),
]));

$hard = ['IPN_PNAME[]' => 'A+B 100% "quoted" \'single\' C:\\temp\\new &amp; <b>bold</b> &eacute;', 'REFNOEXT' => '  two spaces each side  '];
$b = encode($with($hard));
$ipn[] = request('plus, percent, quotes, backslashes, entities, edge spaces', $K, $b,
    'nothing is stripped, trimmed, escaped or unescaped after form decoding', wrong($K, [
        'stripslashes' => lps(array_map('stripslashes', vals($b))),
        'trim' => lps(array_map('trim', vals($b))),
        'html_entity_decode' => lps(array_map(fn($v) => html_entity_decode($v, ENT_QUOTES | ENT_HTML401, 'UTF-8'), vals($b))),
        'htmlspecialchars' => lps(array_map(fn($v) => htmlspecialchars($v), vals($b))),
        'values not decoded' => lps(array_map(fn($p) => explode('=', $p, 2)[1], explode('&', $b))),
        'rawurldecode (+ stays +)' => lps(array_map(fn($p) => rawurldecode(explode('=', $p, 2)[1]), explode('&', $b))),
    ]));

$ipn[] = request('line ends, tab and NUL in values', $K, 'REFNO=1&COMMENT=line+one%0D%0Aline+two%0Aend%09tab&BLANK=+&NUL=a%00b&IPN_DATE=20260304050608',
    'counted as they are', wrong($K, ['line ends normalised to LF' => lps(['1', "line one\nline two\nend\ttab", ' ', "a\0b", '20260304050608'])]));

$ipn[] = request('bytes that are no UTF-8', $K, 'REFNO=1&FIRSTNAME=Ren%E9&LASTNAME=M%FCller&IPN_DATE=20260304050608',
    'work on bytes: replacing them by U+FFFD breaks the hash', wrong($K, [
        'replaced by U+FFFD' => lps(['1', "Ren\u{fffd}", "M\u{fffd}ller", '20260304050608']),
        'read as Latin-1, made UTF-8' => lps(['1', 'René', 'Müller', '20260304050608']),
    ]));

$b = encode([
    ['REFNO', '240000002'], ['IPN_PID[]', '4711'], ['IPN_PID[]', '4712'], ['IPN_PID[]', '4713'],
    ['IPN_PNAME[]', 'First'], ['IPN_PNAME[]', 'Second; with semicolon'], ['IPN_PNAME[]', 'Third = last'],
    ['IPN_PCODE[]', ''], ['IPN_PCODE[]', '0'], ['IPN_PCODE[]', 'P-3'], ['IPN_INFO[]', ''], ['IPN_QTY[]', '1'], ['IPN_QTY[]', '2'], ['IPN_QTY[]', '10'],
    ['IPN_DATE', '20260304050608'],
]);
$ipn[] = request('several products', $K, $b, 'every element counts, empty ones too; brackets come as %5B%5D', wrong($K, [
    'empty array elements lost' => lps(['240000002', '4711', '4712', '4713', 'First', 'Second; with semicolon', 'Third = last', '0', 'P-3', '1', '2', '10', '20260304050608']),
    'first element of each array only' => lps(['240000002', '4711', 'First', '', '', '1', '20260304050608']),
    'last element of each array only' => lps(['240000002', '4713', 'Third = last', 'P-3', '', '10', '20260304050608']),
]));

$b = 'REFNO=240000003&IPN_PID[0]=1&IPN_PID[1]=2&IPN_CUSTOM[0][NAME]=Color&IPN_CUSTOM[0][VALUE]=Blue&IPN_CUSTOM[1][NAME]=Size&IPN_CUSTOM[1][VALUE]=&IPN_DATE=20260304050608';
$ipn[] = request('nested and indexed names, brackets unencoded', $K, $b, 'flattened depth first in order; here wire order and PHP order agree');

$ipn[] = request('hash fields in the middle', $K, 'REFNO=240000004&{SIG}&ORDERSTATUS=COMPLETE&IPN_PID%5B%5D=1&IPN_PNAME%5B%5D=X&IPN_DATE=20260304050608',
    'left out by name wherever they stand');

$ipn[] = request('odd form syntax', $K, 'REFNO=1&&NOVALUE&EQ=a=b==c&PCT=100%&BADPCT=%zz%4&SEMI=a;b&IPN_DATE=20260304050608&',
    'cut at & only and at the first =; a bad % stays as it is; a name alone is an empty value; url.ParseQuery refuses the ; and the bad %');

$ipn[] = request('key longer than 64 and than 136 bytes', str_repeat('0123456789abcdef', 9), $baseBody,
    'the block of md5 and sha256 is 64 bytes, that of sha3-256 is 136', ['wrong' => ['HMAC made by hand with block 64 (sha3-256)' => ['mac' => ['sha3-256' => (function (string $m, string $k) {
        $k = str_pad(hash('sha3-256', $k, true), 64, "\0");
        return hash('sha3-256', ($k ^ str_repeat("\x5c", 64)) . hash('sha3-256', ($k ^ str_repeat("\x36", 64)) . $m, true));
    })(wireSource($baseBody), str_repeat('0123456789abcdef', 9))]]]]);

$ipn[] = request('key with UTF-8 and spaces', ' clé secrète ', $baseBody, 'the key is used as its bytes, untrimmed');

$ipn[] = request('parameter of the URL must not join', $K, $baseBody,
    'the endpoint is https://shop.example/?route=ipn&wc-api=x: only the body is signed', wrong($K, [
        'query values before the body' => lps(array_merge(['ipn', 'x'], vals($baseBody))),
        'query values after the body' => lps(array_merge(vals($baseBody), ['ipn', 'x'])),
    ]));

/* Bodies that readings differ on; none is known to be sent. */
$edge = [];
$edge[] = request('array broken up by another field', $K, 'REFNO=1&IPN_PID[]=11&IPN_PNAME[]=A&IPN_PID[]=12&IPN_PNAME[]=B&IPN_DATE=20260304050608',
    'wire order and PHP order differ; the vendor is only seen to send arrays unbroken, where both agree');
$edge[] = request('one name twice', $K, 'REFNO=1&A=first&B=x&A=second&IPN_DATE=20260304050608', 'PHP keeps the last value at the first place; wire order counts both');
$edge[] = request('hash field name one level down', $K, 'REFNO=1&X[HASH]=abc&Y[0]=HASH&IPN_DATE=20260304050608', 'the PHP sample leaves a key HASH out at every depth, the Perl sample by a pattern on the whole name');
$edge[] = request('hash field name in lower case', $K, 'REFNO=1&hash=abc&IPN_DATE=20260304050608', 'exact comparison counts it; the Perl sample (case-blind pattern) does not');

/* What the hash does not bind. */
$unbound = [];
$a1 = 'REFNO=1&ORDERSTATUS=PENDING&PREV=COMPLETE';
$a2 = 'REFNO=1&PREV=PENDING&ORDERSTATUS=COMPLETE';
$unbound[] = ['name' => 'names are not signed', 'key' => $K, 'bodies' => [$a1, $a2], 'source' => wireSource($a1), 'mac' => macs(wireSource($a1), $K),
    'note' => 'two bodies, one hash: a captured message can be sent again with its names exchanged'];
$a1 = 'A=2&B=abcdefghij0';
$a2 = 'A=11abcdefghij&B=';
if (wireSource($a1) !== wireSource($a2) || wireSource($a2) !== '1211abcdefghij0') { fwrite(STDERR, "collision is wrong\n"); exit(1); }
$unbound[] = ['name' => 'borders of values are not signed', 'key' => $K, 'bodies' => [$a1, $a2], 'source' => wireSource($a1), 'mac' => macs(wireSource($a1), $K),
    'note' => 'a value that begins with a digit can give it to the length before it'];
$a1 = 'A[]=x&A[]=y';
$a2 = 'A=x&B=y';
$unbound[] = ['name' => 'shape is not signed', 'key' => $K, 'bodies' => [$a1, $a2], 'source' => wireSource($a1), 'mac' => macs(wireSource($a1), $K), 'note' => ''];
foreach ($unbound as $u) { foreach ($u['bodies'] as $x) { if (wireSource($x) !== $u['source']) { fwrite(STDERR, "unbound is wrong\n"); exit(1); } } }

/* What a receiver should make of the fields that are there. */
$mm = macs(wireSource($baseBody), $K);
$bad = str_repeat('0', 64);
$policy = [];
foreach ([
    ['sha256 in capitals', ['SIGNATURE_SHA2_256' => strtoupper($mm['sha256'])], true, true, 'hex is compared without regard to case'],
    ['all three right', ['HASH' => $mm['md5'], 'SIGNATURE_SHA2_256' => $mm['sha256'], 'SIGNATURE_SHA3_256' => $mm['sha3-256']], true, true, ''],
    ['only md5', ['HASH' => $mm['md5']], true, false, 'right, but md5 is retired: refuse unless it was asked for'],
    ['md5 right, the others empty', ['HASH' => $mm['md5'], 'SIGNATURE_SHA2_256' => '', 'SIGNATURE_SHA3_256' => ''], true, false, 'an empty field is as good as none'],
    ['md5 right, sha256 wrong', ['HASH' => $mm['md5'], 'SIGNATURE_SHA2_256' => $bad], false, false, 'no falling back to the weaker one'],
    ['sha3-256 wrong, sha256 right', ['SIGNATURE_SHA2_256' => $mm['sha256'], 'SIGNATURE_SHA3_256' => $bad], false, false, 'vendor samples test the strongest one present'],
    ['sha256 value in the sha3-256 field', ['SIGNATURE_SHA3_256' => $mm['sha256']], false, false, ''],
    ['sha256 with a space behind', ['SIGNATURE_SHA2_256' => $mm['sha256'] . ' '], false, false, 'strict: not hex'],
    ['one digit short', ['SIGNATURE_SHA2_256' => substr($mm['sha256'], 0, 63)], false, false, ''],
    ['no hash field', [], false, false, 'some receivers take it'],
    ['all empty', ['HASH' => '', 'SIGNATURE_SHA2_256' => '', 'SIGNATURE_SHA3_256' => ''], false, false, ''],
] as [$n, $f, $okAny, $okPinned, $note]) {
    $p = $base;
    foreach ($f as $k => $v) { $p[] = [$k, $v]; }
    $policy[] = ['name' => $n, 'key' => $K, 'body' => encode($p), 'ok_if_any_algorithm' => $okAny, 'ok_if_sha2_or_sha3_required' => $okPinned, 'note' => $note];
}
$policy[] = ['name' => 'wrong key', 'key' => 'other key', 'body' => $baseBody . '&SIGNATURE_SHA2_256=' . $mm['sha256'], 'ok_if_any_algorithm' => false, 'ok_if_sha2_or_sha3_required' => false, 'note' => ''];
$policy[] = ['name' => 'empty key, hash made with an empty key', 'key' => '', 'body' => $baseBody . '&SIGNATURE_SHA2_256=' . hash_hmac('sha256', wireSource($baseBody), ''),
    'ok_if_any_algorithm' => false, 'ok_if_sha2_or_sha3_required' => false, 'note' => 'the hash is right by the formula; an unset key must never verify'];

/* ---- Replies ---- */

function reply(string $name, string $key, array $values, string $date, string $note = '', array $more = []): array
{
    $values[] = $date;
    $s = lps($values);
    $m = macs($s, $key);
    return ['name' => $name, 'key' => $key] + ($note === '' ? [] : ['note' => $note]) + ['values' => $values] + text('source', $s) + ['mac' => $m, 'reply' => [
        'md5' => "<EPAYMENT>$date|{$m['md5']}</EPAYMENT>",
        'sha256' => "<sig algo=\"sha256\" date=\"$date\">{$m['sha256']}</sig>",
        'sha3-256' => "<sig algo=\"sha3-256\" date=\"$date\">{$m['sha3-256']}</sig>",
    ]] + $more;
}

$ipnReply = [];
$r = reply('published', 'AABBCCDDEEFF', ['1', 'Software program', '20050303123434'], '20050303123434', 'md5 published by several authors');
$r['published'] = ['md5' => '7bf97ed39681027d0c45aa45e3ea98f0'];
$ipnReply[] = $r;
$r = reply('published, other key', 'test', ['1', 'Software program', '20050303123434'], '20050303123434', 'md5 published in 2checkout-webhooks-samples 2ac9bc5, a C# test');
$r['published'] = ['md5' => '3d7a5eb5557b70a80e5141c4fee0ed0d'];
$ipnReply[] = $r;
$ipnReply[] = reply('UTF-8 name', $K, ['4711', "Müller’s 漢字 😀", '20260304050608'], '20260304050709', '', wrong($K, ['length in characters' => chars(['4711', "Müller’s 漢字 😀", '20260304050608', '20260304050709'])]));
$ipnReply[] = reply('empty name', $K, ['4711', '', '20260304050608'], '20260304050709', 'IPN_PNAME[0] is there and empty');
$ipnReply[] = reply('product id 0', $K, ['0', 'X', '20260304050608'], '20260304050709', 'PHP empty() takes this id for a missing one');
$ipnReply[] = reply('several products', $K, ['4711', 'First', '20260304050608'], '20260304050709', 'only the first product counts', wrong($K, [
    'all products' => lps(['4711', '4712', 'First', 'Second', '20260304050608', '20260304050709']),
    'last product' => lps(['4712', 'Second', '20260304050608', '20260304050709']),
]));
$ipnReply[] = reply('marks in the name', $K, ['4711', 'A+B 100% "q" C:\\n &amp; <sig> ', '20260304050608'], '20260304050709', 'the decoded value, edge space and all', wrong($K, [
    'form-encoded name' => lps(['4711', urlencode('A+B 100% "q" C:\\n &amp; <sig> '), '20260304050608', '20260304050709']),
    'stripslashes' => lps(['4711', stripslashes('A+B 100% "q" C:\\n &amp; <sig> '), '20260304050608', '20260304050709']),
]));
foreach ($ipnReply as $r) {
    foreach ($r['published'] ?? [] as $a => $h) { if ($r['mac'][$a] !== $h) { fwrite(STDERR, "published reply differs\n"); exit(1); } }
}
$wrongForms = ['values' => ['4711', 'Software program', '20260304050608', '20260304050709'], 'key' => $K, 'source' => lps(['4711', 'Software program', '20260304050608', '20260304050709'])];
$wm = macs($wrongForms['source'], $K);
$wrongForms['wrong'] = [
    'sha256 in EPAYMENT' => "<EPAYMENT>20260304050709|{$wm['sha256']}</EPAYMENT>",
    'algo named sha3_256' => "<sig algo=\"sha3_256\" date=\"20260304050709\">{$wm['sha3-256']}</sig>",
    'algo named sha2-256' => "<sig algo=\"sha2-256\" date=\"20260304050709\">{$wm['sha256']}</sig>",
    'date with blanks and colons' => '<sig algo="sha256" date="2026-03-04 05:07:09">' . hash_hmac('sha256', lps(['4711', 'Software program', '20260304050608', '2026-03-04 05:07:09']), $K) . '</sig>',
    'date attribute is not the signed date' => "<sig algo=\"sha256\" date=\"20260304050710\">{$wm['sha256']}</sig>",
];

$lcnReply = [];
$r = reply('published', 'AABBCCDDEEFF', ['3C343D0FAF', '2005-03-03'], '20081117145935', 'md5 published in the older page');
$r['published'] = ['md5' => 'cb34fe2991668eb82364edf62f845a34'];
$lcnReply[] = $r;
$lcnReply[] = reply('before ten, YmdHis', $K, ['3C343D0FAF', '2027-03-04 05:06:07'], '20260304050709', 'fourteen digits');
$lcnReply[] = reply('before ten, YmdGis', $K, ['3C343D0FAF', '2027-03-04 05:06:07'], '2026030450709', 'the older documented form: thirteen digits before ten o\'clock; its own length counts');
$lcnReply[] = reply('no expiry', $K, ['3C343D0FAF', ''], '20260304050709', 'a licence that does not expire may come with an empty date [not confirmed]');
if ($lcnReply[0]['mac']['md5'] !== $r['published']['md5']) { fwrite(STDERR, "published LCN differs\n"); exit(1); }

$lcn = [request('licence change', $K, encode([
    ['FIRSTNAME', 'John'], ['LASTNAME', 'Dœ'], ['COMPANY', ''], ['EMAIL', 'john@example.com'], ['LICENSE_CODE', '3C343D0FAF'],
    ['EXPIRATION_DATE', '2027-03-04 05:06:07'], ['DATE_UPDATED', '2026-03-04'], ['CHANGED_BY', 'SYSTEM'], ['LICENSE_TYPE', 'REGULAR'],
    ['DISABLED', '0'], ['RECURRING', '1'], ['LICENSE_PRODUCT', '4711'], ['STATUS', 'ACTIVE'],
]), 'same rule as IPN; the set and order of fields here are invented')];

/* ---- INS ---- */

$ins = [];
foreach ([['4742525399', '1303908', '4742525420', 'tango-invented'], ['0', '1', '', 'geheim ü'], ['000123', '1303908', '0', 'word']] as [$sale, $vendor, $inv, $word]) {
    $s = $sale . $vendor . $inv . $word;
    $ins[] = ['sale_id' => $sale, 'vendor_id' => $vendor, 'invoice_id' => $inv, 'secret_word' => $word, 'secret_key' => $K,
        'source' => $s, 'md5_hash' => strtoupper(md5($s)),
        'third_party_hash' => ['sha256' => 'sha256:' . strtoupper(hash_hmac('sha256', $s, $K)), 'sha3-256' => 'sha3-256:' . strtoupper(hash_hmac('sha3-256', $s, $K))],
        'wrong' => ['vendor first (order of the return key)' => strtoupper(md5($word . $vendor . $sale . $inv)), 'HMAC with the secret word' => strtoupper(hash_hmac('md5', $sale . $vendor . $inv, $word))]];
}

/* ---- Return URLs ---- */

function sortedSource(array $pairs, array $drop = ['signature'], ?callable $cmp = null): string
{
    $p = array_values(array_filter($pairs, fn($x) => !in_array($x[0], $drop, true)));
    usort($p, $cmp ?? fn($a, $b) => strcmp($a[0], $b[0]));
    return lps(array_column($p, 1));
}

function returned(string $name, string $word, string $query, string $note = '', array $wrong = [], array $own = []): array
{
    $drop = ['signature', ...$own];
    $p = pairs($query);
    $s = sortedSource($p, $drop);
    $sig = hash_hmac('sha256', $s, $word);
    parse_str($query, $form);
    foreach ($drop as $d) { unset($form[$d]); }
    ksort($form);
    $php = lps(array_values($form));
    $c = ['name' => $name, 'secret_word' => $word] + ($note === '' ? [] : ['note' => $note]) + ($own === [] ? [] : ['own' => $own]) + ['query' => $query, 'pairs' => $p, 'source' => $s, 'signature' => $sig,
        'url' => 'https://shop.example/back?' . $query . '&signature=' . $sig];
    if ($php !== $s) { $c['php_ksort'] = ['source' => $php, 'signature' => hash_hmac('sha256', $php, $word)]; }
    foreach ($wrong as $why => $w) { $c['wrong'][$why] = ['source' => $w, 'signature' => hash_hmac('sha256', $w, $word)]; }
    return $c;
}

$W = 'Buy-link w0rd & invented';
$ret = [];
$q = 'refno=240000001&total=49.90&total-currency=EUR';
$ret[] = returned('InLine', $W, $q, '', [
    'names in the string' => 'refno9240000001total549.90total-currency3EUR', 'no lengths' => '24000000149.90EUR',
    'length behind the value' => '240000001949.905EUR3',
]);
$q = 'merchant=EXAMPLE1&dynamic=1&prod=Custom+Design&price=20.00&qty=1&type=PRODUCT&currency=USD&return-url=https%3A%2F%2Fshop.example%2Fback&return-type=redirect&order-ext-ref=77&customer-ext-ref=5&refno=240000001&total=20.00&total-currency=USD';
$ret[] = returned('ConvertPlus', $W, $q, 'all parameters that come back are signed, those too that the buy link does not sign', [
    'in the order received' => lps(array_column(pairs($q), 1)),
    'only the parameters signed in the buy link' => sortedSource(array_filter(pairs($q), fn($p) => !in_array($p[0], ['merchant', 'dynamic', 'refno', 'total', 'total-currency'], true))),
    'values not decoded' => lps(array_map(fn($x) => $x[1], (function () use ($q) { $p = array_map(fn($x) => explode('=', $x, 2), explode('&', $q)); usort($p, fn($a, $b) => strcmp($a[0], $b[0])); return $p; })())),
]);
$q = 'refno=1&name=Ren%C3%A9+M%C3%BCller+%F0%9F%98%80&address=Stra%C3%9Fe+1%2B2&empty=&zero=0&total=0&total-currency=CHF';
$ret[] = returned('UTF-8, plus, empty and zero', $W, $q, 'empty is 0, the value 0 is 10', [
    'length in characters' => chars(array_column((function () use ($q) { $p = pairs($q); usort($p, fn($a, $b) => strcmp($a[0], $b[0])); return $p; })(), 1)),
    'empty left out' => sortedSource(array_filter(pairs($q), fn($p) => $p[1] !== '')),
]);
$q = 'b=1&B=2&a=3&A=4&_=5&total-currency=EUR&total=6&total_x=7&totala=8';
$ret[] = returned('names of mixed case and with signs', $W, $q, 'sorted by bytes: capitals first, then _, then small letters; total before total-currency', [
    'sorted without regard to case' => sortedSource(pairs($q), ['signature'], fn($a, $b) => strcasecmp($a[0], $b[0]) ?: strcmp($b[0], $a[0])),
]);
$ret[] = returned('names that are numbers', $W, 'refno=1&10=ten&9=nine&total=2', 'ksort puts 9 before 10, a byte sort 10 before 9; not known to be sent');
$q = 'order=77&lang=de&refno=240000001&total=49.90&total-currency=EUR';
$ret[] = returned('own parameter in the return URL, left out', $W, $q, 'what a plugin in use does with its own parameter; not stated by the vendor', ['own parameters counted' => sortedSource(pairs($q))], ['order', 'lang']);
$ret[] = returned('capitals in the signature', $W, 'refno=5&total=1.00&total-currency=EUR', 'case of the hex is not stated for return URLs; vendor code writes small letters');

$retUnbound = [];
$x1 = 'order-ext-ref=1001&refno=240000001&total=1.00&total-currency=EUR';
$x2 = 'a=1001&order-ext-ref=240000001&total=1.00&total-currency=EUR';
if (sortedSource(pairs($x1)) !== sortedSource(pairs($x2))) { fwrite(STDERR, "rename is wrong\n"); exit(1); }
$retUnbound[] = ['name' => 'parameters renamed within the sort order', 'secret_word' => $W, 'queries' => [$x1, $x2], 'source' => sortedSource(pairs($x1)), 'signature' => hash_hmac('sha256', sortedSource(pairs($x1)), $W),
    'note' => 'the buyer holds the signed URL and can rename: a right signature does not prove which value was which'];
$x1 = 'refno=2&total=11.00&total-currency=EUR';
$x2 = 'refno=2&total=11.003EUR&total-currency=';
$retUnbound[] = ['name' => 'borders moved only where lengths allow', 'secret_word' => $W, 'queries' => [$x1, $x2], 'sources' => [sortedSource(pairs($x1)), sortedSource(pairs($x2))],
    'signatures' => [hash_hmac('sha256', sortedSource(pairs($x1)), $W), hash_hmac('sha256', sortedSource(pairs($x2)), $W)], 'note' => 'these two differ: the length guards plain shifts'];

$classic = [];
foreach ([['1303908', '4742525399', '9.99', false], ['1303908', '4742525399', '9.99', true], ['1303908', '4742525399', '10', false]] as [$sid, $order, $total, $demo]) {
    $s = 'tango-invented' . $sid . ($demo ? '1' : $order) . $total;
    $classic[] = ['secret_word' => 'tango-invented', 'sid' => $sid, 'order_number' => $order, 'total' => $total, 'demo' => $demo, 'source' => $s, 'key' => strtoupper(md5($s))];
}

$security = (function () use ($K) {
    $v = ['240000001', 'AUTHRECEIVED', '4711', '4712', '1', '2', '2026-03-04 05:06:07'];
    return [['key' => $K, 'refno' => $v[0], 'status' => $v[1], 'products' => ['4711', '4712'], 'quantities' => ['1', '2'], 'date' => $v[6], 'source' => lps($v), 'mac' => macs(lps($v), $K, ['md5'])],
        ['note' => 'string of the page, with its reference number written in full; key invented', 'key' => $K, 'source' => lps(['643273', 'AUTHRECEIVED', '123456', '234567', '2', '3', '2012-11-02 20:32:12']),
            'mac' => macs(lps(['643273', 'AUTHRECEIVED', '123456', '234567', '2', '3', '2012-11-02 20:32:12']), $K, ['md5'])]];
})();

/* ---- Buy links ---- */

const SIGNED = ['return-url', 'return-type', 'expiration', 'order-ext-ref', 'item-ext-ref', 'lock', 'cust-params', 'customer-ref', 'customer-ext-ref',
    'currency', 'prod', 'price', 'qty', 'tangible', 'type', 'opt', 'coupon', 'description', 'recurrence', 'duration', 'renewal-price'];

function buy(string $name, string $word, array $pairs, string $note = '', array $wrong = []): array
{
    $in = array_values(array_filter($pairs, fn($p) => in_array($p[0], SIGNED, true)));
    $s = sortedSource($in);
    usort($in, fn($a, $b) => strcmp($a[0], $b[0]));
    $sig = hash_hmac('sha256', $s, $word);
    $c = ['name' => $name, 'secret_word' => $word] + ($note === '' ? [] : ['note' => $note]) + ['pairs' => $pairs, 'signed_names' => array_column($in, 0), 'source' => $s, 'signature' => $sig,
        'url' => 'https://secure.2checkout.com/checkout/buy/?' . encode($pairs) . '&signature=' . $sig];
    foreach ($wrong as $why => $w) { $c['wrong'][$why] = is_array($w) ? $w : ['source' => $w, 'signature' => hash_hmac('sha256', $w, $word)]; }
    return $c;
}

$buy = [];
$p = [['merchant', 'EXAMPLE1'], ['tpl', 'default'], ['prod', '5C5F8D9C8A'], ['qty', '1'], ['return-url', 'https://shop.example/cb?a=1&b=x y'], ['return-type', 'redirect'], ['expiration', '1893456000'], ['order-ext-ref', '77'], ['language', 'en'], ['test', '1']];
$plain = sortedSource(array_filter($p, fn($x) => in_array($x[0], SIGNED, true)));
$buy[] = buy('catalogue product', $W, $p, 'this list of signed names; whether prod and qty of a catalogue link must be signed differs between pages (see catalogue product, general list)', [
    'return-url form-encoded' => str_replace(lp('https://shop.example/cb?a=1&b=x y'), lp(urlencode('https://shop.example/cb?a=1&b=x y')), $plain),
    'everything signed' => sortedSource($p),
    'order of the link' => lps(array_column(array_filter($p, fn($x) => in_array($x[0], SIGNED, true)), 1)),
    'length behind the value' => implode('', array_map(fn($x) => $x[1] . strlen($x[1]), (function () use ($p) { $q = array_values(array_filter($p, fn($x) => in_array($x[0], SIGNED, true))); usort($q, fn($a, $b) => strcmp($a[0], $b[0])); return $q; })())),
    'SHA-256 without a key' => ['source' => $plain, 'signature' => hash('sha256', $plain)],
    'SHA-256 of word and string' => ['source' => $plain, 'signature' => hash('sha256', $W . $plain)],
    'Secret Key in place of the word' => ['source' => $plain, 'signature' => hash_hmac('sha256', $plain, $GLOBALS['K'])],
]);
$general = array_values(array_filter($p, fn($x) => in_array($x[0], ['return-url', 'return-type', 'expiration', 'order-ext-ref', 'customer-ref', 'customer-ext-ref', 'lock'], true)));
$buy[] = ['name' => 'catalogue product, general list', 'secret_word' => $W, 'note' => 'only the names of the general list', 'pairs' => $p, 'signed_names' => ['expiration', 'order-ext-ref', 'return-type', 'return-url'],
    'source' => sortedSource($general), 'signature' => hash_hmac('sha256', sortedSource($general), $W)];
$buy[] = buy('as before: one dynamic product', 'SECRET_WORD', [['currency', 'USD'], ['price', '20.00'], ['prod', 'Custom Design'], ['qty', '1'], ['return-type', 'redirect'], ['return-url', 'https://example.com/cb?a=1'], ['type', 'PRODUCT']]);
$buy[] = buy('several dynamic products', $W, [['merchant', 'EXAMPLE1'], ['dynamic', '1'], ['currency', 'EUR'], ['prod', 'First;Second;Shipping'], ['price', '10;20.5;3'], ['qty', '2;1;1'], ['type', 'PRODUCT;PRODUCT;SHIPPING'], ['tangible', '0;1;0'],
    ['item-ext-ref', 'A-1;B-2;'], ['description', ''], ['recurrence', '1:MONTH'], ['duration', '12:MONTH'], ['renewal-price', '9.5'], ['name', 'Ann'], ['email', 'ann@example.com'], ['src', 'x']], 'an empty parameter that is in the link is signed as 0', [
    'empty left out' => sortedSource(array_filter([['currency', 'EUR'], ['prod', 'First;Second;Shipping'], ['price', '10;20.5;3'], ['qty', '2;1;1'], ['type', 'PRODUCT;PRODUCT;SHIPPING'], ['tangible', '0;1;0'], ['item-ext-ref', 'A-1;B-2;'], ['recurrence', '1:MONTH'], ['duration', '12:MONTH'], ['renewal-price', '9.5']], fn($x) => true)),
]);
$u = [['merchant', 'EXAMPLE1'], ['dynamic', '1'], ['currency', 'CHF'], ['prod', 'Größe “L” 漢字 + 100% & <b>'], ['price', '0'], ['qty', '1'], ['type', 'product'], ['customer-ext-ref', 'é'], ['coupon', 'ÄÖ']];
$uin = array_values(array_filter($u, fn($x) => in_array($x[0], SIGNED, true)));
usort($uin, fn($a, $b) => strcmp($a[0], $b[0]));
$buy[] = buy('UTF-8 and marks', $W, $u, '', ['length in characters' => chars(array_column($uin, 1)), 'form-encoded values' => lps(array_map('urlencode', array_column($uin, 1))),
    'html-escaped values' => lps(array_map('htmlspecialchars', array_column($uin, 1)))]);
$buy[] = buy('price of a catalogue product overridden', $W, [['merchant', 'EXAMPLE1'], ['prod', '5C5F8D9C8A;6D6E7F'], ['qty', '1;2'], ['price', 'USD:10.5;USD:7'], ['currency', 'USD'], ['opt', '1-2,3;'], ['coupon', 'SPRING'], ['lock', '1'], ['expiration', '1893456000']]);
$buy[] = buy('expiration: seconds', $W, [['merchant', 'EXAMPLE1'], ['prod', 'X'], ['qty', '1'], ['expiration', '1893456000']], 'Unix seconds', [
    'milliseconds' => sortedSource([['prod', 'X'], ['qty', '1'], ['expiration', '1893456000000']]), 'yyyyMMddHHmmss' => sortedSource([['prod', 'X'], ['qty', '1'], ['expiration', '20300101000000']])]);

$phash = [];
$raw = 'PLNKEXP=1893456000&PLNKID=ABC123&PRODS=4711,4712&QTY=1,2&PRICES4711[USD]=10.50';
$enc = 'PLNKEXP=1893456000&PLNKID=ABC123&PRODS=4711%2C4712&QTY=1%2C2&PRICES4711%5BUSD%5D=10.50';
foreach (['raw' => $raw, 'form-encoded' => $enc] as $how => $q) { $phash[] = ['how' => $how, 'key' => $K, 'query' => $q, 'source' => lp($q), 'mac' => macs(lp($q), $K)]; }

/* ---- JWT ---- */

function b64u(string $s): string { return rtrim(strtr(base64_encode($s), '+/', '-_'), '='); }

function jwt(string $name, string $word, string $header, string $payload, string $note = ''): array
{
    $in = b64u($header) . '.' . b64u($payload);
    $mac = hash_hmac('sha512', $in, $word, true);
    return ['name' => $name, 'secret_word' => $word] + ($note === '' ? [] : ['note' => $note]) + ['header' => $header, 'payload' => $payload, 'input' => $in, 'signature' => b64u($mac), 'token' => $in . '.' . b64u($mac),
        'wrong' => ['HS256' => $in . '.' . b64u(hash_hmac('sha256', $in, $word, true)), 'padded base64' => rtrim(base64_encode($header), '') . '.' . base64_encode($payload) . '.' . base64_encode($mac), 'hex' => $in . '.' . bin2hex($mac)]];
}

$H = '{"alg":"HS512","typ":"JWT"}';
$jwt = [];
$j = jwt('published, in a test of 2checkout-dotnet-sdk cf9f951', 'Add Secret Word', $H, '{"sub":"Add Seller id","iat":"1621416725","exp":"1621420363"}', 'times as strings');
$j['published_signature_end'] = 'L0xXHvq88Sa677KcGO8u4LuRqY0J63kL9z8oyDbWlyYpH6sF3996T-vMxuxfZ2pmnjljccOTEJfXZSVEkPwpjA';
$jwt[] = $j;
$jwt[] = jwt('times as numbers', $W, $H, '{"sub":"EXAMPLE1","iat":1772600767,"exp":1772604367}');
$jwt[] = jwt('typ first, as the PHP SDK writes it', $W, '{"typ":"JWT","alg":"HS512"}', '{"sub":"EXAMPLE1","iat":1772600767,"exp":1772604367}');
$jwt[] = jwt('UTF-8', 'wört', $H, '{"sub":"ÄÖÜ😀>>>???","iat":1772600767}', 'payload with bytes that give - and _');
if (!str_ends_with($jwt[0]['signature'], $jwt[0]['published_signature_end'])) { fwrite(STDERR, "published JWT differs\n"); exit(1); }

/* ---- Payrexx family ---- */

function hook(string $name, string $key, string $type, string $body, string $note = '', array $wrong = []): array
{
    $sig = hash_hmac('sha256', $body, $key);
    $c = ['name' => $name, 'signing_key' => $key, 'content_type' => $type] + ($note === '' ? [] : ['note' => $note]) + text('body', $body) + ['body_bytes' => strlen($body), 'signature' => $sig];
    if ($wrong) { $c['wrong'] = $wrong; }
    return $c;
}

$S = 'aW52ZW50ZWQtc2lnbmluZy1rZXk=';
$json = '{"transaction": {"id": 1, "uuid": "5b1c9d7e", "status": "confirmed", "amount": 8925, "currency": "CHF", "referenceId": "ORDER/77", "contact": {"firstname": "Zoë", "company": ""}, "refundable": true, "payrexxFee": 0.30, "instance": {"name": "demo"}}}';
$again = json_encode(json_decode($json));
$form = 'transaction%5Bid%5D=1&transaction%5Buuid%5D=5b1c9d7e&transaction%5Bstatus%5D=confirmed&transaction%5Bamount%5D=8925&transaction%5BreferenceId%5D=ORDER%2F77&transaction%5Bcontact%5D%5Bfirstname%5D=Zo%C3%AB+Q&transaction%5Binvoice%5D%5Bproducts%5D%5B0%5D%5Bname%5D=A%2BB';
$hooks = [];
$hooks[] = hook('JSON', $S, 'application/json', $json, 'key looks like base64 but is used as text', [
    'written again by a JSON library' => ['body' => $again, 'signature' => hash_hmac('sha256', $again, $S)],
    'key decoded from base64' => hash_hmac('sha256', $json, base64_decode($S)),
    'digest as base64' => base64_encode(hash_hmac('sha256', $json, $S, true)),
    'SHA-256 without a key' => hash('sha256', $json),
    'sha512' => hash_hmac('sha512', $json, $S),
    'API secret in place of the signing key' => hash_hmac('sha256', $json, 'invented-api-secret'),
]);
$hooks[] = hook('JSON with a line end behind', $S, 'application/json', $json . "\n", 'the last byte counts');
$hooks[] = hook('JSON with escaped slashes and letters', $S, 'application/json', $again, 'another text of the same data');
$hooks[] = hook('form', $S, 'application/x-www-form-urlencoded', $form, 'the encoded text is signed, not the fields; reports differ on whether form deliveries are signed at all', [
    'decoded' => hash_hmac('sha256', urldecode($form), $S),
    'encoded again with %20' => hash_hmac('sha256', str_replace('+', '%20', $form), $S),
    'encoded again with bare brackets' => hash_hmac('sha256', str_replace(['%5B', '%5D'], ['[', ']'], $form), $S),
]);
$hooks[] = hook('form, other order', $S, 'application/x-www-form-urlencoded', implode('&', array_reverse(explode('&', $form))));
$hooks[] = hook('empty body', $S, 'application/json', '', 'verifies by the formula; there is nothing in it to act on');
$hooks[] = hook('bytes that are no UTF-8', $S, 'application/x-www-form-urlencoded', "transaction[id]=1&x=\xe9\x00\xff", 'bytes, not text');
$hooks[] = hook('key with UTF-8', 'schlüssel 🔑 ', 'application/json', '{"transaction":{"id":2}}', 'bytes of the key, untrimmed');
$hooks[] = hook('key longer than a block', str_repeat('k', 100), 'application/json', '{"transaction":{"id":2}}');
$hs = hash_hmac('sha256', $json, $S);
$hookPolicy = [];
foreach ([
    ['right', $hs, true], ['in capitals', strtoupper($hs), null], ['space behind (a header field is trimmed in transit)', $hs . ' ', null], ['sha256= before it', 'sha256=' . $hs, false],
    ['missing', null, false], ['empty', '', false], ['one digit short', substr($hs, 0, 63), false], ['one digit more', $hs . '0', false], ['not hex', str_repeat('z', 64), false], ['two values', $hs . ', ' . $hs, false],
] as [$n, $v, $ok]) { $hookPolicy[] = ['name' => $n, 'signing_key' => $S, 'body' => $json, 'header' => $v, 'ok' => $ok]; }
$hookPolicy[] = ['name' => 'empty key, signature made with an empty key', 'signing_key' => '', 'body' => $json, 'header' => hash_hmac('sha256', $json, ''), 'ok' => false];

/* ---- What the merchant sends; here to show that it is not inbound ---- */

$out = [
    ['name' => 'IDN', 'fields' => ['MERCHANT', 'ORDER_REF', 'ORDER_AMOUNT', 'ORDER_CURRENCY', 'IDN_DATE'], 'values' => ['EXAMPLE1', '240000001', '39.99', 'USD', '2026-03-04 05:06:07']],
    ['name' => 'IRN', 'fields' => ['MERCHANT', 'ORDER_REF', 'ORDER_AMOUNT', 'ORDER_CURRENCY', 'IRN_DATE', '(optional fields after it)'], 'values' => ['MERCCODE', '12345678', '39.99', 'USD', '2026-03-04 05:06:07']],
    ['name' => 'ISE', 'fields' => ['MERCHANT', 'STARTDATE', 'ENDDATE', 'ORDERSTATUS', 'REQ_DATE', 'PRODUCT_ID', 'COUNTRY_CODE', 'FILTER_STRING', 'FILTER_FIELD'], 'values' => ['EXAMPLE1', '2026-03-01', '2026-03-04', 'ALL', '20260304050607', '', '', '', '']],
];
foreach ($out as &$o) { $o['key'] = $K; $o['source'] = lps($o['values']); $o['mac'] = macs($o['source'], $K); }
unset($o);

$doc = [
    'format' => 1,
    'description' => 'What is signed between the Payrexx family or 2Checkout and a shop, beside its requests. source is the string under the HMAC; wrong holds the results of known mistakes, none of which equals the right one. A name that ends in _hex holds bytes in hexadecimal digits. What is published says so; all else is computed.',
    'generator' => 'testdata/inbound.php',
    'payrexx_webhook' => ['header' => 'X-Webhook-Signature', 'algorithm' => 'lower-case hex of HMAC-SHA256(signing key, raw body)', 'cases' => $hooks, 'policy_note' => 'ok null: not settled by any source; choose and document', 'policy' => $hookPolicy],
    'ipn_request' => ['fields' => MACFIELDS, 'key' => 'Secret Key', 'cases' => $ipn, 'readings_differ' => $edge, 'not_bound' => $unbound, 'policy' => $policy],
    'ipn_reply' => ['values' => 'IPN_PID[0], IPN_PNAME[0], IPN_DATE, DATE', 'key' => 'Secret Key', 'cases' => $ipnReply, 'wrong_forms' => $wrongForms],
    'lcn_request' => ['key' => 'Secret Key', 'cases' => $lcn],
    'lcn_reply' => ['values' => 'LICENSE_CODE, EXPIRATION_DATE, DATE', 'key' => 'Secret Key', 'cases' => $lcnReply],
    'ins' => ['note' => 'md5_hash documented (retired 30 June 2025); third_party_hash from one third-party source, unconfirmed', 'cases' => $ins],
    'return_url' => ['key' => 'Buy-Link Secret Word', 'cases' => $ret, 'not_bound' => $retUnbound],
    'classic_return_key' => ['note' => 'legacy MD5', 'cases' => $classic],
    'thank_you_page_security_hash' => ['note' => 'legacy HMAC-MD5', 'cases' => $security],
    'buy_link' => ['key' => 'Buy-Link Secret Word', 'signed_names_of_vendor_plugins' => SIGNED, 'cases' => $buy],
    'phash' => ['note' => 'old order links; two readings, neither confirmed by the vendor', 'cases' => $phash],
    'jwt' => ['key' => 'Buy-Link Secret Word', 'cases' => $jwt],
    'sent_by_merchant' => ['note' => 'IDN, IRN and ISE go from the merchant to 2Checkout: not inbound', 'cases' => $out],
];
echo json_encode($doc, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
