<?php
// Prints testdata/pairs.json: each pair of mistakes of published programs that can be
// made together, by its scheme, made with PHP's own functions. The names are in the
// order in which the mistakes are told.
//
//     php -n testdata/pairs.php > testdata/pairs.json
declare(strict_types=1);

const SECRET = 'aZ3+kq%41v\w$xy#7&Lp_';
const FORM = 'application/x-www-form-urlencoded';

$pairs = [];

/** The mistakes in a key, by what a key is called. */
function keys(string $word): array
{
    return [
        "white space around the $word" => fn ($key) => "$key\n",
        "quotes around the $word" => fn ($key) => "\"$key\"",
        "the $word is cut at a # or an &" => fn ($key) => strtok($key, '#&'),
        "plus signs of the $word are taken for spaces" => fn ($key) => strtr($key, '+', ' '),
        "the $word is percent-encoded" => fn ($key) => rawurlencode($key),
        "the $word is percent-decoded" => fn ($key) => rawurldecode($key),
        "a variable is replaced in the $word" => fn ($key) => preg_replace('/\$[a-z]+/', '', $key),
        "backslashes of the $word are doubled or lost" => fn ($key) => addcslashes($key, '\\'),
        "a byte order mark before the $word" => fn ($key) => "\u{FEFF}$key",
        "the $word is empty, undefined or null" => fn ($key) => 'undefined',
    ];
}

function wire(string $query): string
{
    return str_replace(['+', '%7E'], ['%20', '~'], $query);
}

// An ApiSignature: how the request is sent, what is signed, with which key.
$right = ['purpose' => 'Abo Basis', 'successRedirectUrl' => 'https://e.com/ok?a=1&b=2'];
$sent = [
    'the form is sent with the wrong Content-Type' => fn ($body, $signature) => ['multipart/form-data', "$body&ApiSignature=$signature"],
    'ApiSignature is sent in other letters' => fn ($body, $signature) => [FORM, "$body&apisignature=$signature"],
    'the signature is sent escaped twice' => fn ($body, $signature) => [FORM, "$body&ApiSignature=" . rawurlencode($signature)],
    'a space is sent as a plus sign' => fn ($body, $signature) => [FORM, str_replace('%20', '+', $body) . "&ApiSignature=$signature"],
];
$open = 'an ampersand inside a value is sent unescaped';
$urls = 'only the URLs are escaped to be signed';
$serialized = 'the parameters are signed as serialize of PHP writes them';
$again = 'the finished string is escaped once more to be signed';
$whole = ['only the URLs are escaped to be signed' => fn () => 'purpose=Abo Basis&successRedirectUrl=' . urlencode($right['successRedirectUrl']), $serialized => fn () => serialize($right)];

function paylink(array $mistakes, string $body, string $signed, string $key, ?callable $send): void
{
    global $pairs;
    $signature = rawurlencode(base64_encode(hash_hmac('sha256', $signed, $key, true)));
    [$type, $body] = $send ? $send($body, $signature) : [FORM, "$body&ApiSignature=$signature"];
    $pairs[] = ['scheme' => 'paylink', 'mistakes' => $mistakes, 'secret' => SECRET, 'type' => $type, 'body' => $body];
}

$body = wire(http_build_query($right));
$hole = str_replace(['%3Fa%3D1%26b%3D2'], ['%3Fa%3D1&b=2'], $body);
$messages = [
    $open => [$hole, http_build_query($right)],
    $urls => [$body, $whole[$urls]()],
    $serialized => [$body, serialize($right)],
    $again => [$body, urlencode(http_build_query($right))],
];
foreach ($messages as $message => [$as, $signed]) {
    foreach (keys('secret') as $mistake => $spoil) {
        paylink([$message, $mistake], $as, $signed, $spoil(SECRET), null);
    }
    foreach ($sent as $mistake => $send) {
        paylink([$mistake, $message], $as, $signed, SECRET, $send);
    }
}
foreach ($sent as $mistake => $send) {
    foreach (keys('secret') as $key => $spoil) {
        paylink([$mistake, $key], $body, http_build_query($right), $spoil(SECRET), $send);
    }
}
paylink([$open, $urls], $hole, $whole[$urls](), SECRET, null);
paylink([$open, $serialized], $hole, serialize($right), SECRET, null);
paylink([$open, $again], $hole, urlencode(http_build_query($right)), SECRET, null);
paylink([$urls, $again], $body, urlencode($whole[$urls]()), SECRET, null);
paylink([$serialized, $again], $body, urlencode(serialize($right)), SECRET, null);

// A login of 2Checkout: in which order, at which second, with which key.
date_default_timezone_set('UTC');
$code = 'YOURCODE123';
$date = '2026-01-02 03:04:05';
$second = 'the hash is of another second than the date';
$orders = [
    'the parameters are in another order' => fn ($code, $date, $hash, $algo) => [$date, $code, $hash, $algo],
    'a session id stands before the merchant code' => fn ($code, $date, $hash, $algo) => ['1A2B3C', $code, $date, $hash, $algo],
    'the parameters are given by name' => fn ($code, $date, $hash, $algo) => ['code' => $code, 'date' => $date, 'hash' => $hash, 'algo' => $algo],
];

function login(array $mistakes, string $date, string $key, ?callable $order): void
{
    global $pairs, $code;
    $hash = hash_hmac('sha256', strlen($code) . $code . strlen($date) . $date, $key);
    $parameters = $order ? $order($code, '2026-01-02 03:04:05', $hash, 'sha256') : [$code, '2026-01-02 03:04:05', $hash, 'sha256'];
    $pairs[] = ['scheme' => 'avangate', 'mistakes' => $mistakes, 'secret' => SECRET, 'body' => json_encode(['jsonrpc' => '2.0', 'method' => 'login', 'params' => $parameters, 'id' => 1])];
}

foreach ([10, 300] as $late) {
    $other = date('Y-m-d H:i:s', strtotime($date) - $late);
    foreach ($orders as $mistake => $order) {
        login([$mistake, $second], $other, SECRET, $order);
    }
    foreach (keys('key') as $mistake => $spoil) {
        login([$mistake, $second], $other, $spoil(SECRET), null);
    }
}
foreach ($orders as $mistake => $order) {
    foreach (keys('key') as $key => $spoil) {
        login([$mistake, $key], $date, $spoil(SECRET), $order);
    }
}

echo "[\n", implode(",\n", array_map(fn ($pair) => json_encode($pair, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), $pairs)), "\n]\n";
