<?php
// Makes random notifications of 2Checkout, as the vendor's sample for PHP hashes them,
// and checks the replies to them.
//
//     notifications.php make SEED COUNT
//     notifications.php check SEED FILE
//
// The first prints a line of JSON for each: the key, the kind, the body, the same body
// with one byte changed so that it says something else, and what is hashed, all in base64
// but the kind. The second reads a file with one reply a line, to the
// notifications of that seed, and prints what is wrong with each.
declare(strict_types=1);
error_reporting(0);

const FIELDS = ['HASH' => 'md5', 'SIGNATURE_SHA2_256' => 'sha256', 'SIGNATURE_SHA3_256' => 'sha3-256'];

function lp(array $values): string
{
    return implode('', array_map(fn($v) => strlen((string) $v) . $v, $values));
}

function pick(array $of): mixed { return $of[mt_rand(0, count($of) - 1)]; }

function bytes(int $length, int $from = 0, int $to = 255): string
{
    $s = '';
    while (strlen($s) < $length) { $s .= chr(mt_rand($from, $to)); }
    return $s;
}

// The bytes of a random value.
function value(): string
{
    switch (mt_rand(0, 11)) {
        case 0: return '';
        case 1: return pick(['0', '00', ' ', '1', '11', '-0.50', '49.90']);
        case 2: return bytes(mt_rand(1, 40));                    // any byte
        case 3: return implode('', array_slice(preg_split('//u', 'Zoë Müller’s Größenmaß 漢字 😀 عربى'), mt_rand(0, 12), mt_rand(1, 20)));
        case 4: return "Ren\xe9 M\xfcller";                      // Latin-1
        case 5: return '  edges  ' . bytes(mt_rand(0, 3), 9, 13); // white space
        case 6: return 'a\\b\\\\"c" \'d\' <b>&amp;&eacute;</b>;x=1;&y=2';
        case 7: return mt_rand(0, 5) ? '' : str_repeat(bytes(mt_rand(1, 3)), mt_rand(300, 1100));
        case 8: return bytes(mt_rand(1, 20), 48, 57);            // digits, as lengths are
        case 9: return date('Y-m-d H:i:s', mt_rand(1, 2000000000));
        default: return bytes(mt_rand(1, 30), 32, 126);
    }
}

// One of the spellings of a text in a form, of which there are many.
function spell(string $s): string
{
    switch (mt_rand(0, 4)) {
        case 0: return rawurlencode($s);
        case 1: return preg_replace_callback('/%../', fn($m) => strtolower($m[0]), urlencode($s));
        case 2: return implode('', array_map(fn($c) => '%' . bin2hex($c), $s === '' ? [] : str_split($s)));
        case 3: return strtr($s, ['%' => '%25', '&' => '%26', '+' => '%2B', '=' => '%3D', ' ' => '+', "\0" => '%00']); // parse_str ends at a NUL
        default: return urlencode($s);
    }
}

// A value as it is written, not always a spelling of what was meant.
function written(): string
{
    switch (mt_rand(0, 9)) {
        case 0: return pick(['%', '100%', '%zz', '%4', '%%41', 'a%2', '%u00e4', '+%2b+', 'a=b==c', ';', 'a;b=c', "\xff\x01", '%' . str_repeat('%41', 500)]);
        default: return spell(value());
    }
}

// A notification: [key, kind, algorithm, [[name, value as written], ...], reply's values].
function notification(): array
{
    $key = bytes(mt_rand(14, 150), 33, 126);
    $kind = mt_rand(0, 3) === 0 ? 'LCN' : 'IPN';
    // What a form that PHP reads in its own order may have: groups, each unbroken.
    $groups = [];
    if ($kind === 'IPN') {
        $date = date('YmdHis', mt_rand(1600000000, 2000000000));
        [$id, $name] = [(string) mt_rand(0, 99999), spell(value())];
        $groups[] = [['REFNO', (string) mt_rand(1, 999999999)]];
        $groups[] = [['IPN_DATE', $date]];
        $index = pick(['[]', '[0]', '%5B%5D', '%5b0%5d']);
        $groups[] = [['IPN_PID' . $index, $id], ['IPN_PID' . pick(['[]', '[1]', '%5B%5D']), written()]];
        $groups[] = [['IPN_PNAME' . $index, $name], ['IPN_PNAME[]', written()], ['IPN_PNAME[]', '']];
        $groups[] = [['TEST_ORDER', '0']];
        $reply = [$id, urldecode($name), $date];
    } else {
        $expiration = pick(['', '9999-12-31 23:59:59', '2027-03-04', '2027-03-04 05:06:07']);
        $code = bytes(mt_rand(1, 12), 48, 90);
        $groups[] = [['LICENSE_CODE', urlencode($code)]];
        $groups[] = [['EXPIRATION_DATE', spell($expiration)]];
        $reply = [$code, $expiration];
    }
    for ($i = mt_rand(2, 30); $i > 0; $i--) {
        switch (mt_rand(0, 4)) {
            case 0:
                $groups[] = array_map(fn() => ["ARRAY{$i}[]", written()], range(1, mt_rand(1, 4)));
                break;
            case 1:
                $groups[] = [["NEST{$i}[0][NAME]", written()], ["NEST{$i}[0][VALUE][x]", written()], ["NEST{$i}[1][NAME]", written()]];
                break;
            default:
                $groups[] = [["FIELD$i", written()]];
        }
    }
    shuffle($groups);
    $pairs = array_merge(...$groups);
    $odd = mt_rand(0, 1) === 1;
    for ($i = $odd ? mt_rand(1, 8) : 0; $i > 0; $i--) { // what PHP gathers, drops or renames
        array_splice($pairs, mt_rand(0, count($pairs)), 0, [[pick(['TWICE', 'A[]', 'A', 'A[0]', '', 'hash', 'HASH[]', 'X[HASH]', 'a.b', 'a b', 'a%20b', '[', 'A]', '%00', "N\x00", 'SIGNATURE_SHA2_256_', "\xe9"]), written()]]);
    }
    return [$key, $kind, pick(['sha256', 'sha3-256']), $pairs, $reply, $odd];
}

// The values of a body in its order, decoded, and the hash that counts.
function read(string $body): array
{
    $values = $hashes = [];
    foreach (explode('&', $body) as $pair) {
        if ($pair === '') { continue; }
        [$name, $value] = array_map('urldecode', explode('=', $pair, 2) + [1 => '']);
        if (isset(FIELDS[$name])) { $hashes[$name] = strtolower($value); } else { $values[] = $value; }
    }
    return [$values, ($hashes['SIGNATURE_SHA3_256'] ?? '') ?: ($hashes['SIGNATURE_SHA2_256'] ?? '')];
}

// The values in the order of $_POST, as the vendor's sample walks it.
function walk(array $form): array
{
    $values = [];
    array_walk_recursive($form, function ($value) use (&$values) { $values[] = $value; });
    return $values;
}

// Every way to cut what is signed into so many values, each behind its length.
function cuts(string $signed, int $count): array
{
    if ($count === 0) { return $signed === '' ? [[]] : []; }
    $cuts = [];
    for ($digits = 1; $digits <= 7 && preg_match('/^\d+$/D', substr($signed, 0, $digits)) && strlen($signed) >= $digits; $digits++) {
        $length = substr($signed, 0, $digits);
        if ((string) (int) $length !== $length || $digits + (int) $length > strlen($signed)) { continue; }
        foreach (cuts(substr($signed, $digits + (int) $length), $count - 1) as $rest) {
            $cuts[] = [substr($signed, $digits, (int) $length), ...$rest];
        }
    }
    return $cuts;
}

// Whether what is signed may be a header's, or a reply's, which the same key signs: the
// values in a row end as theirs do, in times.
function mayBeOurs(string $signed): bool
{
    [$date, $stamp] = ['/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$/D', '/^\d{13,14}$/D'];
    foreach (cuts($signed, 2) as [, $last]) { if (preg_match($date, $last)) { return true; } }
    foreach (cuts($signed, 3) as [, $until, $last]) { if (preg_match($stamp, $last) && preg_match('/^(\d{4}-\d\d-\d\d( \d\d:\d\d:\d\d)?)?$/D', $until)) { return true; } }
    foreach (cuts($signed, 4) as [, , $sent, $last]) { if (preg_match($stamp, $last) && preg_match($stamp, $sent)) { return true; } }
    return false;
}

// [key, kind, algorithm, body, values, reply's values] of a notification with its hash.
// What may be ours by chance, some one of 20,000, is refused, and made anew.
function signed(): array
{
    do {
        [$key, $kind, $algorithm, $pairs, $reply, $odd] = notification();
        $body = implode('&', array_map(fn($p) => $p[0] . ($p[1] === '' && mt_rand(0, 1) ? '' : '=' . $p[1]), $pairs));
        if ($odd) {
            [$values] = read($body);
        } else {
            parse_str($body, $form);
            $values = walk($form);
        }
    } while (mayBeOurs(lp($values)));
    $hash = hash_hmac($algorithm, lp($values), $key);
    $field = array_search($algorithm, FIELDS, true);
    $parts = explode('&', $body);
    foreach (FIELDS as $name => $of) {
        if ($name === $field) {
            $part = $name . '=' . (mt_rand(0, 3) ? $hash : strtoupper($hash));
        } elseif ($name === 'HASH') {
            $part = mt_rand(0, 1) ? 'HASH=' : 'HASH=' . hash_hmac('md5', lp($values), $key);
        } else {
            $part = mt_rand(0, 1) ? $name . '=' : '';
        }
        array_splice($parts, mt_rand(0, count($parts)), 0, $part);
    }
    return [$key, $kind, $algorithm, implode('&', $parts), $values, $reply];
}

// The body with one byte changed, removed or added, so that it says something else.
function changed(string $body): string
{
    [$values, $hash] = read($body);
    $said = [lp($values), $hash];
    do {
        $at = mt_rand(0, strlen($body) - 1);
        $other = substr_replace($body, pick([bytes(1), bytes(1), pick(['&', '=', '%', '+', '0']), '']), $at, mt_rand(0, 1));
        [$values, $hash] = read($other);
    } while ([lp($values), $hash] === $said);
    return $other;
}

[, $mode, $seed, $argument] = $argv;
mt_srand((int) $seed);
if ($mode === 'make') {
    for ($i = (int) $argument; $i > 0; $i--) {
        [$key, $kind, , $body, $values] = signed();
        $state = mt_rand();
        echo json_encode([
            'Key' => base64_encode($key), 'Kind' => $kind, 'Body' => base64_encode($body), 'Changed' => base64_encode(changed($body)),
            'Source' => base64_encode(lp($values)),
        ]), "\n";
        mt_srand($state); // the other mode makes no changes
    }
    exit;
}
foreach (file($argument, FILE_IGNORE_NEW_LINES) as $i => $line) {
    [$key, , $algorithm, , , $values] = signed();
    mt_srand(mt_rand());
    if (!preg_match('/^<sig algo="([^"]*)" date="(\d{14})">([0-9a-f]{64})<\/sig>$/', $line, $m) || $m[1] !== $algorithm
        || !hash_equals(hash_hmac($algorithm, lp([...$values, $m[2]]), $key), $m[3])) {
        echo "$i: $line\n";
    }
}
