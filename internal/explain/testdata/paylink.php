<?php
// Prints testdata/paylink_php.json: requests of the Payrexx family with wrong
// signatures, made with PHP's own functions.
//
//     php -n -d extension=curl testdata/paylink.php > testdata/paylink_php.json
//
// With a number it prints so many requests that are signed rightly, one a line.
declare(strict_types=1);
error_reporting(E_ALL & ~E_DEPRECATED); // for utf8_decode

const SECRET = 'test-secret-of-the-shop';

function sign(string $text, string $secret = SECRET, string $algorithm = 'sha256'): string
{
    return base64_encode(hash_hmac($algorithm, $text, $secret, true));
}

function wire(string $query): string
{
    return str_replace(['+', '%7E'], ['%20', '~'], $query);
}

if (isset($argv[1])) {
    mt_srand(17);
    $text = function (): string {
        $s = '';
        for ($i = mt_rand(0, 8); $i > 0; $i--) {
            $s .= mt_rand(0, 3) ? chr(mt_rand(32, 126)) : json_decode(sprintf('"\u%04x"', mt_rand(0xa0, 0x2fff)));
        }
        return $s;
    };
    $value = function (int $depth) use (&$value, $text) {
        switch (mt_rand(0, $depth ? 9 : 5)) {
            case 6: case 7:
                return array_map(fn () => $value($depth - 1), range(0, mt_rand(0, 2)));
            case 8: case 9:
                return ['k' . mt_rand(0, 9) => $value($depth - 1), 'l' => $value($depth - 1)];
            case 0:
                return mt_rand(-1000, 1000);
            case 1:
                return mt_rand(0, 100000) / 100;
            case 2:
                return [true, false, null][mt_rand(0, 2)];
            default:
                return $text();
        }
    };
    for ($n = (int) $argv[1]; $n > 0; $n--) {
        $parameters = [];
        for ($i = mt_rand(0, 6); $i > 0; $i--) {
            $parameters['p' . mt_rand(0, 99)] = $value(2);
        }
        $query = http_build_query($parameters, '', '&');
        $signature = sign($query);
        $form = ($query === '' ? '' : wire($query) . '&') . 'ApiSignature=' . rawurlencode($signature);
        [$method, $url, $type, $body] = match (mt_rand(0, 2)) {
            0 => ['GET', '/v1.0/Page/17/?' . $form . '&instance=example', '', ''],
            1 => ['POST', '/v1.0/Page/?instance=example', 'application/x-www-form-urlencoded', $form],
            2 => ['POST', '/v1.0/Page/?instance=example', 'application/json',
                json_encode($parameters + ['ApiSignature' => $signature], JSON_THROW_ON_ERROR | mt_rand(0, 1) * JSON_PRETTY_PRINT)],
        };
        echo json_encode(['method' => $method, 'url' => $url, 'type' => $type, 'body' => $body, 'secret' => SECRET, 'string_to_sign' => $query]), "\n";
    }
    exit;
}

$cases = [];

/** A form, unless the request says otherwise, and the string that was signed. */
function wrong(string|array $mistakes, string $signed, array $parameters, ?string $signature = null, array $request = []): void
{
    global $cases;
    $query = http_build_query($parameters, '', '&');
    $cases[] = $request + [
        'mistakes' => (array) $mistakes, 'language' => 'PHP', 'method' => 'POST', 'url' => '/v1.0/Gateway/?instance=example',
        'type' => 'application/x-www-form-urlencoded',
        'body' => ($query === '' ? '' : wire($query) . '&') . 'ApiSignature=' . rawurlencode($signature ?? sign($signed)),
        'secret' => SECRET, 'string_to_sign' => $query, 'signed' => $signed,
    ];
}

$shop = ['purpose' => 'Order 17', 'amount' => 8925, 'vatRate' => 7.7, 'currency' => 'CHF', 'url' => 'https://example.com/ok~1', 'fields' => ['email' => ['value' => 'max@example.com']]];
$right = http_build_query($shop, '', '&');

// The encoders.
wrong('a space is signed as %20', http_build_query($shop, '', '&', PHP_QUERY_RFC3986), $shop);
$two = ['purpose' => 'Größe 17', 'amount' => 8925];
wrong('the values are signed without their names', implode($two), $two);
wrong('the values are signed without their names', implode(array_map(fn ($value) => strlen("$value") . $value, $two)), $two);
wrong('~ is not escaped (Go, Python, qs)', str_replace('%7E', '~', $right), $shop);
wrong('brackets are not escaped', str_replace(['%5B', '%5D'], ['[', ']'], $right), $shop);
wrong('nothing is escaped', urldecode($right), $shop);
wrong('the parameters are escaped twice to be signed', http_build_query(['a' => urlencode('b c/d')], '', '&'), ['a' => 'b c/d']);
wrong('the parameters are escaped twice to be signed', http_build_query(['a' => rawurlencode('b c/d')], '', '&'), ['a' => 'b c/d']);
wrong('the parameters are sent escaped twice', 'a=b+c%2Fd', ['a' => rawurlencode('b c/d')]);
ini_set('arg_separator.output', '&amp;');
wrong('&amp; is signed between the parameters', http_build_query($shop), $shop);
wrong('a space is sent as a plus sign', $right, $shop, null, ['body' => $right . '&ApiSignature=' . urlencode(sign($right)), 'string_to_sign' => str_replace('+', '%2B', $right)]);
wrong('the text is signed in Latin-1', http_build_query(['name' => utf8_decode('Jürg')]), ['name' => 'Jürg']);
wrong('the text is sent in Latin-1', http_build_query(['name' => 'Jürg']), ['name' => utf8_decode('Jürg')]);
wrong('the text is put into UTF-8 twice to be signed', http_build_query(['name' => utf8_encode('Jürg')]), ['name' => 'Jürg']);

// Which parameters. The vendor's SDK signs model and id, and sends them.
ini_set('arg_separator.output', '&');
wrong('a credential is sent in the query', 'limit=100', [], null, ['method' => 'GET', 'type' => '', 'body' => '', 'string_to_sign' => 'limit=100&apiKey=something',
    'url' => '/v1.0/Gateway/?limit=100&apiKey=something&instance=example&ApiSignature=' . rawurlencode(sign('limit=100'))]);
wrong('the instance is signed', http_build_query($shop + ['instance' => 'example']), $shop);
wrong('the instance is signed', http_build_query(['instance' => 'example'] + $shop), $shop);
wrong('an ApiSignature is signed, an empty or an earlier one', http_build_query($shop + ['ApiSignature' => '']), $shop);
wrong('the model is signed, and not sent', http_build_query($shop + ['model' => 'Gateway']), $shop);
wrong('the model and the id are signed, and not sent', http_build_query(['id' => 17] + $shop + ['model' => 'Gateway']), $shop, null, ['url' => '/v1.0/Gateway/17/?instance=example']);
wrong('the id is signed, and not sent', http_build_query(['id' => 17]), [], null, ['method' => 'DELETE', 'url' => '/v1.0/Gateway/17/?instance=example']);
wrong('the model is sent, and not signed', $right, $shop + ['model' => 'Gateway']);
wrong('the id is sent, and not signed', $right, ['id' => 17] + $shop);
wrong('the model and the id are sent, and not signed', $right, ['id' => 17] + $shop + ['model' => 'Gateway']);
$sorted = $shop + ['Zip' => 1, 'basket' => ['y' => 1, 'x' => 2]];
ksort($sorted);
wrong('the parameters are sorted to be signed', http_build_query($sorted), $shop + ['Zip' => 1, 'basket' => ['y' => 1, 'x' => 2]]);
ksort($sorted['basket']);
wrong('the parameters are sorted to be signed', http_build_query($sorted), $shop + ['Zip' => 1, 'basket' => ['y' => 1, 'x' => 2]]);
ksort($sorted, SORT_FLAG_CASE | SORT_STRING);
wrong('the parameters are sorted to be signed', http_build_query($sorted), $shop + ['Zip' => 1, 'basket' => ['x' => 2, 'y' => 1]]);
wrong('the indexes of a list are not signed', preg_replace('/%5B\d+%5D/', '%5B%5D', http_build_query(['pm' => ['visa', 'twint']])), ['pm' => ['visa', 'twint']]);
wrong('names are signed as they are sent, and PHP reads them otherwise', http_build_query(['a.b' => 1]), ['a_b' => 1], null,
    ['body' => 'a.b=1&ApiSignature=' . rawurlencode(sign('a.b=1'))]);
$asQuery = parse_url('https://api.example.com/v1.0/Gateway/?instance=example', PHP_URL_QUERY);
wrong('the query is signed in place of the body', $asQuery, $shop);
wrong('the query is signed in place of the body', http_build_query(['model' => 'Gateway']), $shop, null, ['url' => '/v1.0/Gateway/?model=Gateway&instance=example']);
wrong('the empty string is signed', http_build_query([]), $shop);
wrong('the images of a Design are sent as text, and not signed', 'name=x', ['name' => 'x', 'headerImage' => 'data', 'backgroundImage' => 'data']);

// Values.
wrong('empty values are sent, and not signed', http_build_query(array_filter(['a' => 'b', 'c' => ''])), ['a' => 'b', 'c' => '']);
wrong('empty values are sent, and not signed', http_build_query(['a' => 'b', 'c' => null]), ['a' => 'b', 'c' => '']);
wrong('true and false are sent as text, and signed as 1 and 0', http_build_query(['a' => true, 'b' => false]), ['a' => 'true', 'b' => 'false']);
wrong('true and false are sent as text, and signed as 1 and 0', http_build_query(array_map('strval', ['a' => true, 'b' => false])), ['a' => 'true', 'b' => 'false']);
foreach ([ENT_QUOTES, ENT_COMPAT, ENT_NOQUOTES, ENT_QUOTES | ENT_XML1] as $flags) {
    $plain = ['a' => '<b c="d">', 'e' => "f & 'g'", 'h' => ['i' => '&amp;']];
    $escaped = $plain;
    array_walk_recursive($escaped, function (string &$value) use ($flags): void { $value = htmlspecialchars($value, $flags); });
    wrong('the values are escaped as HTML to be signed', http_build_query($escaped), $plain);
    wrong('the values are escaped as HTML to be sent', http_build_query($plain), $escaped);
    foreach (['Max & Moritz', '2" < 3"', "l'Été"] as $value) {
        $one = ['a' => htmlspecialchars($value, $flags)];
        if ($one['a'] !== $value) {
            wrong('the values are escaped as HTML to be signed', http_build_query($one), ['a' => $value]);
            wrong('the values are escaped as HTML to be sent', http_build_query(['a' => $value]), $one);
        }
    }
}
wrong('the values are escaped as HTML to be sent', http_build_query(['a' => 'Jürg & Zoë']), ['a' => htmlentities('Jürg & Zoë')]);
wrong('null is sent as text, and not signed', http_build_query(['a' => 'b', 'c' => null]), ['a' => 'b', 'c' => 'null']);
$json = fn (array $p, string $signature, int $flags = 0): array => ['type' => 'application/json', 'body' => json_encode($p + ['ApiSignature' => $signature], $flags)];
$typed = ['t' => true, 'f' => false, 'n' => null, 'e' => [], 's' => 'ü/x'];
wrong('true and false are signed as text', http_build_query(['t' => 'true', 'f' => 'false'] + $typed), $typed, null, $json($typed, sign('t=true&f=false&s=%C3%BC%2Fx')));
wrong('true and false are signed as text', http_build_query(['t' => '1', 'f' => ''] + $typed), $typed, null, $json($typed, sign('t=1&f=&s=%C3%BC%2Fx')));
$signed = http_build_query(array_map(fn ($v) => $v ?? '', $typed));
wrong('null is signed as text or as an empty value', $signed, $typed, null, $json($typed, sign($signed)));
wrong('the JSON text is signed', json_encode($typed), $typed, null, $json($typed, sign(json_encode($typed))));
wrong('the JSON text is signed, and written anew to be sent', json_encode($typed), $typed, null, $json($typed, sign(json_encode($typed)), JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE));
foreach ([JSON_UNESCAPED_SLASHES, JSON_UNESCAPED_UNICODE, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE, JSON_PRETTY_PRINT, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES] as $flags) {
    $signed = json_encode($typed, $flags);
    wrong('the JSON text is signed', $signed, $typed, null, $json($typed, sign($signed), $flags));
    wrong('the JSON text is signed, and written anew to be sent', $signed, $typed, null, $json($typed, sign($signed), $flags ^ JSON_PRETTY_PRINT));
}

foreach (['', $asQuery] as $signed) {
    wrong($signed === '' ? 'the empty string is signed' : 'the query is signed in place of the body', $signed, $typed, null, $json($typed, sign($signed)));
}

// The one type that hides what the body is: PHP's curl sends it for an array.
foreach (['multipart/form-data', 'multipart/form-data; boundary=B'] as $type) {
    $signed = http_build_query($typed);
    wrong('the JSON is sent with the wrong Content-Type', $signed, $typed, null, ['type' => $type] + $json($typed, sign($signed)));
    $many = ['a' => 'b&c=d', 'e' => 'f+g 100%'];
    wrong('the JSON is sent with the wrong Content-Type', http_build_query($many), $many, null, ['type' => $type] + $json($many, sign(http_build_query($many)), JSON_PRETTY_PRINT));
}
foreach (['multipart/form-data', 'multipart/form-data; boundary=B'] as $type) {
    wrong('the form is sent with the wrong Content-Type', $right, $shop, null, ['type' => $type]);
}

// Files: http_build_query writes the public properties of a CURLFile.
$multipart = function (string $signed): array {
    $part = fn (string $header, string $value): string => "--B\r\nContent-Disposition: form-data; $header\r\n\r\n$value\r\n";
    return ['type' => 'multipart/form-data; boundary=B', 'string_to_sign' => 'name=x', 'body' => $part('name="name"', 'x')
        . $part("name=\"headerImage\"; filename=\"logo.png\"\r\nContent-Type: image/png", 'PNG') . $part('name="ApiSignature"', sign($signed)) . "--B--\r\n"];
};
foreach ([new CURLFile('logo.png'), new CURLFile('logo.png', 'image/png'), new CURLFile('logo.png', 'image/png', 'logo.png'), '', 'PNG', 'logo.png'] as $file) {
    $signed = http_build_query(['name' => 'x', 'headerImage' => $file]);
    wrong('a file is signed', $signed, [], null, $multipart($signed));
}

wrong('the empty string is signed', '', [], null, $multipart(''));
wrong('the query is signed in place of the body', $asQuery, [], null, $multipart($asQuery));

// Keys, hashes and codings.
wrong('white space around the secret', $right, $shop, sign($right, SECRET . "\n"));
wrong('white space around the secret', $right, $shop, sign($right, SECRET . ' '));
wrong('the secret is empty, undefined or null', $right, $shop, sign($right, (string) getenv('NO_SUCH_SECRET_IS_SET')));
wrong('quotes around the secret', $right, $shop, sign($right, '"' . SECRET . '"'));
$punctuated = 'test-secret&"of"-the-shop';
wrong('the secret is escaped as HTML', $right, $shop, sign($right, htmlspecialchars($punctuated)), ['secret' => $punctuated]);
foreach ([
    'the secret is cut at a # or an &' => fn ($secret) => strtok($secret, '#&'),
    'plus signs of the secret are taken for spaces' => fn ($secret) => strtr($secret, '+', ' '),
    'the secret is percent-encoded' => fn ($secret) => urlencode($secret),
    'the secret is percent-decoded' => fn ($secret) => rawurldecode($secret),
    'a variable is replaced in the secret' => fn ($secret) => preg_replace('/\$[a-z]+/', '', $secret),
    'backslashes of the secret are doubled or lost' => fn ($secret) => addcslashes($secret, '\\'),
    'a byte order mark before the secret' => fn ($secret) => "\u{FEFF}$secret",
] as $mistake => $spoil) {
    $secret = 'aZ3+kq%41v\\w$xy#7&Lp_';
    wrong($mistake, $right, $shop, sign($right, $spoil($secret)), ['secret' => $secret]);
}
wrong('key and message are swapped', $right, $shop, sign(SECRET, $right));
wrong('SHA-1 is used', $right, $shop, sign($right, SECRET, 'sha1'));
wrong('SHA-512 is used', $right, $shop, sign($right, SECRET, 'sha512'));
wrong('MD5 is used', $right, $shop, sign($right, SECRET, 'md5'));
wrong('a plain hash is made, and no HMAC', $right, $shop, base64_encode(hash('sha256', $right . SECRET, true)));
wrong('a plain hash is made, and no HMAC', $right, $shop, base64_encode(hash('sha256', SECRET . $right, true)));
$coded = base64_encode('not a real secret at all');
wrong('the secret is decoded from base64', $right, $shop, sign($right, base64_decode($coded)), ['secret' => $coded]);
$coded = bin2hex('not a real secret');
wrong('the secret is decoded from hexadecimal digits', $right, $shop, sign($right, hex2bin($coded)), ['secret' => $coded]);
wrong('the signature is in hexadecimal digits', $right, $shop, hash_hmac('sha256', $right, SECRET));
wrong('the signature is the base64 of hexadecimal digits', $right, $shop, base64_encode(hash_hmac('sha256', $right, SECRET)));
for ($n = 0; !str_contains(sign("n=$n"), '+'); $n++);
wrong('the signature is in base64url', "n=$n", ['n' => $n], strtr(sign("n=$n"), '+/', '-_'));
wrong('the signature is in base64url', "n=$n", ['n' => $n], rtrim(strtr(sign("n=$n"), '+/', '-_'), '='));
wrong("the signature's plus signs are not escaped, and arrive as spaces", "n=$n", ['n' => $n], null,
    ['method' => 'GET', 'type' => '', 'body' => '', 'url' => "/v1.0/Gateway/?n=$n&instance=example&ApiSignature=" . sign("n=$n")]);
wrong('the signature is sent escaped twice', $right, $shop, urlencode(sign($right)));
wrong('white space around the signature', $right, $shop, sign($right) . "\n");
wrong('a newline is signed behind the parameters', $right . PHP_EOL, $shop);

// A body that is built by hand.
$split = ['amount' => 200, 'successRedirectUrl' => 'https://e.com/ok?a=1&b=2'];
$body = 'amount=200&successRedirectUrl=https%3A%2F%2Fe.com%2Fok%3Fa=1&b=2';
$signed = http_build_query($split);
wrong('an ampersand inside a value is sent unescaped', $signed, ['amount' => 200, 'successRedirectUrl' => 'https://e.com/ok?a=1', 'b' => 2], null,
    ['body' => $body . '&ApiSignature=' . rawurlencode(sign($signed))]);
wrong('only the URLs are escaped to be signed', 'purpose=Abo Basis&successRedirectUrl=' . urlencode('https://s.example/ok'), ['purpose' => 'Abo Basis', 'successRedirectUrl' => 'https://s.example/ok']);
$order = ['purpose' => 'Abo', 'amount' => '200', 'fields' => ['email' => ['value' => 'a@b.ch'], 'x' => ['1', '2']]];
wrong('the parameters are signed as serialize of PHP writes them', serialize($order), $order);
ksort($order);
wrong('the parameters are signed as serialize of PHP writes them', serialize($order), array_reverse($order));
wrong('the finished string is escaped once more to be signed', urlencode($right), $shop);
wrong('the finished string is escaped once more to be signed', rawurlencode($right), $shop);
wrong(['an ampersand inside a value is sent unescaped', 'white space around the secret'], $signed, ['amount' => 200, 'successRedirectUrl' => 'https://e.com/ok?a=1', 'b' => 2], null,
    ['body' => $body . '&ApiSignature=' . rawurlencode(sign($signed, SECRET . "\n"))]);

// Where a signature is not looked for.
$signed = http_build_query(['orderByTime' => 'ASC']);
$get = ['method' => 'GET', 'type' => '', 'body' => ''];
wrong('a question mark is sent in the place of an ampersand', '', [], null, $get + ['url' => '/v1.0/Transaction/?instance=example&ApiSignature=' . rawurlencode(sign('')) . '?orderByTime=ASC']);
wrong('a question mark is sent in the place of an ampersand', $signed, [], null, $get + ['url' => '/v1.0/Transaction/?instance=example&ApiSignature=' . rawurlencode(sign($signed)) . '?orderByTime=ASC']);
wrong('a question mark is sent in the place of an ampersand', '', [], null, $get + ['url' => '/v1.0/SignatureCheck/?instance=example?ApiSignature=' . rawurlencode(sign(''))]);
foreach (['apisignature', 'apiSignature', 'api_signature'] as $name) {
    wrong('ApiSignature is sent in other letters', $right, $shop, null, ['body' => wire($right) . "&$name=" . rawurlencode(sign($right)), 'string_to_sign' => "$right&$name=" . urlencode(sign($right))]);
}
$nested = json_encode(['amount' => 200, 'data' => ['ApiSignature' => sign('amount=200')]]);
wrong('ApiSignature is sent inside another parameter', 'amount=200', ['amount' => 200], null, ['type' => 'application/json', 'body' => $nested, 'string_to_sign' => http_build_query(json_decode($nested, true))]);
wrong('the parameters are sent in a body, and the empty query is signed', '', [], null,
    ['method' => 'GET', 'type' => 'application/json', 'body' => '{"limit":5}', 'url' => '/v1.0/Transaction/?instance=example&ApiSignature=' . rawurlencode(sign('')), 'string_to_sign' => 'limit=5']);
wrong(['ApiSignature is sent in other letters', 'the signature is in hexadecimal digits'], $right, $shop, null,
    ['body' => wire($right) . '&apisignature=' . hash_hmac('sha256', $right, SECRET), 'string_to_sign' => "$right&apisignature=" . hash_hmac('sha256', $right, SECRET)]);

// As qs writes it: both the space and the index are to be put right.
$signed = 'purpose=a%20b&psp%5B%5D=44';
wrong('the text is signed as it is sent', $signed, ['purpose' => 'a b', 'psp' => [44]], null, ['body' => "$signed&ApiSignature=" . rawurlencode(sign($signed))]);

// Three mistakes, of which one shows.
$spaced = http_build_query($shop, '', '&', PHP_QUERY_RFC3986);
wrong(['the signature is sent escaped twice', 'the signature is in base64url', 'a space is signed as %20'], $spaced, $shop,
    urlencode(strtr(sign($spaced), '+/', '-_')));
wrong(['the form is sent with the wrong Content-Type', 'a space is signed as %20', 'white space around the secret'], $spaced, $shop,
    sign($spaced, SECRET . "\n"), ['type' => 'multipart/form-data']);
wrong(['a space is sent as a plus sign', 'brackets are not escaped', 'quotes around the secret'], str_replace(['%5B', '%5D'], ['[', ']'], $right), $shop, null,
    ['body' => $right . '&ApiSignature=' . rawurlencode(sign(str_replace(['%5B', '%5D'], ['[', ']'], $right), '"' . SECRET . '"')), 'string_to_sign' => str_replace('+', '%2B', $right)]);
wrong(['a space is sent as a plus sign', '~ is not escaped (Go, Python, qs)'], str_replace('%7E', '~', $right), $shop, null,
    ['body' => $right . '&ApiSignature=' . rawurlencode(sign(str_replace('%7E', '~', $right))), 'string_to_sign' => str_replace('+', '%2B', $right)]);

// Two mistakes.
wrong(['the signature is in hexadecimal digits', 'a space is signed as %20'], http_build_query($shop, '', '&', PHP_QUERY_RFC3986), $shop,
    hash_hmac('sha256', http_build_query($shop, '', '&', PHP_QUERY_RFC3986), SECRET));
$signed = http_build_query($shop + ['model' => 'Gateway'], '', '&', PHP_QUERY_RFC3986);
wrong(['the model is signed, and not sent', 'a space is signed as %20'], $signed, $shop);
$signed = json_encode($typed);
wrong(['the JSON is sent with the wrong Content-Type', 'the JSON text is signed'], $signed, $typed, null,
    ['type' => 'multipart/form-data'] + $json($typed, sign($signed)));
$signed = http_build_query(array_map(fn ($v) => $v ?? '', $typed));
wrong(['the JSON is sent with the wrong Content-Type', 'null is signed as text or as an empty value'], $signed, $typed, null, ['type' => 'multipart/form-data'] + $json($typed, sign($signed)));
wrong(['the form is sent with the wrong Content-Type', 'the signature is in hexadecimal digits'], $right, $shop, hash_hmac('sha256', $right, SECRET), ['type' => 'multipart/form-data']);
wrong(['the query is signed in place of the body', 'a question mark is signed before the parameters'], "?$asQuery", $shop);
wrong(['the values are escaped as HTML to be signed', 'a space is signed as %20'], http_build_query(['a' => htmlspecialchars("f & 'g'")], '', '&', PHP_QUERY_RFC3986), ['a' => "f & 'g'"]);
wrong(['MD5 is used', 'brackets are not escaped'], str_replace(['%5B', '%5D'], ['[', ']'], $right), $shop,
    sign(str_replace(['%5B', '%5D'], ['[', ']'], $right), SECRET, 'md5'));

echo json_encode($cases, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
