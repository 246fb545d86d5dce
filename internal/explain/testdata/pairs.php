<?php
// Prints testdata/pairs.json: each pair of mistakes of published programs that can be
// made together, by its scheme, made with PHP's own functions; and triples of which one
// mistake shows in how the request is sent. The names are in the order in which the
// mistakes are told.
//
//     php -n testdata/pairs.php > testdata/pairs.json
declare(strict_types=1);

const SECRET = 'aZ3+kq%41v\w$xy#7&Lp_';

$cases = [];

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

// An ApiSignature: how the request is sent, what is signed, with which key.
const OPEN = 'an ampersand inside a value is sent unescaped';
const URLS = 'only the URLs are escaped to be signed';
const SERIALIZED = 'the parameters are signed as serialize of PHP writes them';
const AGAIN = 'the finished string is escaped once more to be signed';
const INDEXES = 'the indexes of a list are not signed';
const AS_SENT = 'the text is signed as it is sent';
const FILTERS = 'the parameters are sent in a body, and the empty query is signed';
const TYPE = 'the form is sent with the wrong Content-Type';
const JSON_TYPE = 'the JSON is sent with the wrong Content-Type';
const LETTERS = 'ApiSignature is sent in other letters';
const NESTED = 'ApiSignature is sent inside another parameter';
const HEADER = 'the signature is sent in a header';
const SEPARATOR = 'a question mark is sent in the place of an ampersand';
const BESIDE = 'the signature is sent in the query, beside a body';
const SPACE = 'white space around the signature';
const BARE = "the signature's plus signs are not escaped, and arrive as spaces";
const PLUS = 'a space is sent as a plus sign';
const BOTH_TWICE = 'the parameters and the signature are sent escaped twice';
const SIGNATURE_TWICE = 'the signature is sent escaped twice';
const TWICE = 'the parameters are sent escaped twice';
const BEARER = 'a credential is sent in the header Authorization: Bearer';

// In the order in which they are told.
$sent = [[TYPE, JSON_TYPE], [LETTERS, NESTED, HEADER, SEPARATOR, BESIDE, FILTERS], [PLUS], [BOTH_TWICE, SIGNATURE_TWICE, TWICE], [SPACE], [BARE]];
$signed = [OPEN, INDEXES, URLS, SERIALIZED, AGAIN, AS_SENT];

/** A query, each of whose texts is escaped so. */
function query(array $parameters, callable $escape): string
{
    $pairs = [];
    foreach (explode('&', http_build_query($parameters)) as $pair) {
        $pairs[] = implode('=', array_map(fn ($text) => $escape(urldecode($text)), explode('=', $pair)));
    }
    return implode('&', $pairs);
}

/** A request in which these mistakes are made, and the key is that, null if there is none. */
function request(array $mistakes, string $key): ?array
{
    $made = fn (string ...$names) => array_intersect($names, $mistakes) !== [];
    $parameters = ['purpose' => 'Abo Basis', 'successRedirectUrl' => 'https://e.com/ok?a=1&b=2', 'pm' => ['visa', 'twint']];
    for ($n = 0;; $n++) {
        if ($n > 0) {
            $parameters['n'] = (string) $n; // until the signature has a plus sign
        }
        $escape = fn (string $text) => $made(PLUS) ? urlencode($text) : rawurlencode($text);
        $twice = fn (string $text) => $made(TWICE, BOTH_TWICE) ? rawurlencode($escape($text)) : $escape($text);
        $wire = query($parameters, $twice);
        $text = http_build_query($parameters);
        $written = $parameters;
        $unindexed = fn (string $query) => preg_replace('/(%5B|\[)\d(%5D|\])/', '$1$2', $query);
        if ($made(OPEN)) {
            $wire = str_replace($made(TWICE, BOTH_TWICE) ? '%2526b%253D2' : '%26b%3D2', '&b=2', $wire);
        }
        if ($made(INDEXES, AS_SENT)) {
            [$wire, $text] = [$unindexed($wire), $unindexed($text)];
        }
        if ($made(URLS)) {
            $text = query($parameters, fn ($text) => str_starts_with($text, 'https') ? urlencode($text) : $text);
            $text = $made(INDEXES) ? $unindexed($text) : $text;
        }
        if ($made(SERIALIZED)) {
            $text = serialize($parameters);
        }
        if ($made(AGAIN)) {
            $text = urlencode($text);
        }
        if ($made(AS_SENT)) {
            $text = $wire;
        }
        if ($made(FILTERS)) {
            $text = '';
        }
        $signature = base64_encode(hash_hmac('sha256', $text, $key, true));
        if ($made(BARE) === str_contains($signature, '+') || $made(FILTERS) || !$made(BARE)) {
            break;
        }
    }
    if ($made(SPACE)) {
        $signature .= "\n";
    }
    if ($made(HEADER)) {
        $shown = $made(SIGNATURE_TWICE, BOTH_TWICE) ? rawurlencode($signature) : $signature;
    } else {
        $shown = $made(BARE) ? str_replace("\n", '%0A', $signature) : rawurlencode($signature);
        $shown = $made(SIGNATURE_TWICE, BOTH_TWICE) ? rawurlencode($shown) : $shown;
    }
    $name = match (true) { $made(LETTERS) => 'apisignature', $made(NESTED) => 'data%5BApiSignature%5D', default => 'ApiSignature' };
    $request = ['method' => 'POST', 'url' => '/v1.0/Gateway/?instance=example', 'type' => 'application/x-www-form-urlencoded', 'body' => "$wire&$name=$shown", 'header' => []];
    if ($made(TYPE)) {
        $request['type'] = $made(LETTERS, NESTED, HEADER, BESIDE) ? 'text/plain' : 'multipart/form-data';
    }
    if ($made(HEADER)) {
        $request['body'] = $wire;
        $request['header']['X-Signature'] = $shown;
    }
    if ($made(BESIDE)) {
        $request['body'] = $wire;
        $request['url'] .= "&ApiSignature=$shown";
    }
    if ($made(SEPARATOR) || $made(BARE) && !$made(BESIDE)) {
        $query = $made(SEPARATOR) ? "instance=example?$name=$shown&$wire" : "instance=example&$wire&$name=$shown";
        $request = ['method' => 'GET', 'url' => "/v1.0/Gateway/?$query", 'type' => '', 'body' => '', 'header' => []];
    }
    if ($made(FILTERS)) {
        $request = ['method' => 'GET', 'url' => "/v1.0/Gateway/?instance=example&ApiSignature=$shown", 'type' => $made(JSON_TYPE) ? 'text/plain' : 'application/json', 'body' => json_encode($parameters), 'header' => []];
    }
    if ($made(BEARER)) {
        $request['header']['Authorization'] = 'Bearer something';
    }
    return $request;
}

/** Why mistakes cannot be made together, or come to another one. */
function cannot(array $mistakes): bool
{
    global $sent, $signed;
    $made = fn (array ...$sets) => array_filter($sets, fn ($set) => array_diff($set, $mistakes) === []) !== [];
    $with = fn (string $one, array $others) => in_array($one, $mistakes) && array_intersect($others, $mistakes) !== [];
    return $with(FILTERS, [...$signed, TYPE, BARE, PLUS, BOTH_TWICE, TWICE]) // there is nothing to be signed otherwise
        || in_array(JSON_TYPE, $mistakes) && !in_array(FILTERS, $mistakes) // all else is a form
        || $with(SEPARATOR, [TYPE, PLUS]) || $with(BARE, [TYPE, PLUS]) && !in_array(BESIDE, $mistakes) // there is no body
        || $made([BARE, TYPE]) || $made([BARE, PLUS])
        || $made([HEADER, SPACE]) || $made([HEADER, BARE]) // HTTP takes the one away, and nothing decodes the other
        || $with(BARE, [BOTH_TWICE, SIGNATURE_TWICE]) // they are escaped
        || $with(PLUS, [BOTH_TWICE, TWICE, AS_SENT]) // what is escaped twice has no plus sign, and a plus sign is signed rightly
        || $with(INDEXES, [BOTH_TWICE, TWICE, SERIALIZED]) // PHP reads no list then, and serialize writes indexes
        || $with(AS_SENT, [BOTH_TWICE, TWICE, OPEN, INDEXES, URLS, SERIALIZED, AGAIN]) // nothing else is signed then
        || $made([URLS, SERIALIZED]);
}

/** Adds a request with these mistakes of an ApiSignature. */
function paylink(array $mistakes, ?string $spoiled): void
{
    global $cases, $keys;
    $mistakes = array_values($mistakes);
    if (cannot($mistakes)) {
        return;
    }
    $key = $spoiled === null ? SECRET : $keys[$spoiled](SECRET);
    $names = [...array_diff($mistakes, [BEARER]), ...(array) $spoiled, ...array_intersect($mistakes, [BEARER])];
    $cases[] = ['scheme' => 'paylink', 'made' => $names, 'mistakes' => $names, 'secret' => SECRET] + request($mistakes, $key);
}

$keys = keys('secret');
$groups = [...$sent, ...array_map(fn ($name) => [$name], $signed), [BEARER]];
foreach ($groups as $i => $group) {
    foreach ($group as $one) {
        foreach (array_keys($keys) as $spoiled) {
            paylink([$one], $spoiled);
        }
        foreach (array_merge(...array_slice($groups, $i + 1), ...[[]]) as $other) {
            paylink([$one, $other], null);
        }
    }
}
foreach (array_merge(...$sent) as $one) {
    foreach ([OPEN, URLS, AGAIN] as $text) {
        foreach (['quotes around the secret', 'the secret is cut at a # or an &'] as $spoiled) {
            paylink([$one, $text], $spoiled);
        }
    }
}

// A hash of 2Checkout: how it is sent, at which second, with which key, of which calendar.
date_default_timezone_set('UTC');
const CODE = 'YOURCODE123';
const SECOND = 'the hash is of another second than the date';
const CLEAR = 'the Secret Key itself is sent';
const OUTSIDE = 'the date is outside the window';
const ORDER = 'the parameters are in another order';

$orders = [
    ORDER => fn ($code, $date, $hash, $algo) => [$date, $code, $hash, $algo],
    'a session id stands before the merchant code' => fn ($code, $date, $hash, $algo) => ['1A2B3C', $code, $date, $hash, $algo],
    'the parameters are given by name' => fn ($code, $date, $hash, $algo) => ['code' => $code, 'date' => $date, 'hash' => $hash, 'algo' => $algo],
    'an attribute has another name' => null,
];
$calendars = [ // what is sent at 2026-11-28 15:04:05, and what is said of it
    'the Thai calendar' => ['2569-11-28 15:04:05', 'in the Thai calendar'],
    'the Islamic calendar' => ['1448-06-18 15:04:05', 'in the Islamic calendar'],
    'the Persian calendar' => ['1405-09-07 15:04:05', 'in the Persian calendar'],
    'a clock of 12 hours' => ['2026-11-28 03:04:05', 'a clock that has 12'],
    'months from 0' => ['2026-10-28 15:04:05', 'the months are counted from 0'],
];

/** Adds a hash with these mistakes, if they can be made together. */
function avangate(array $made, int $late = 10): void
{
    global $cases, $orders, $calendars, $spoils;
    if (in_array(CLEAR, $made) && array_intersect($made, [ORDER, SECOND])) {
        return; // a key is not told from a code, and of no second
    }
    [$date, $key, $order, $names, $says] = ['2026-11-28 15:04:05', SECRET, fn (...$all) => $all, [], ''];
    $isHeader = in_array('an attribute has another name', $made);
    foreach ($made as $mistake) {
        if (isset($calendars[$mistake])) {
            [$date, $says] = $calendars[$mistake];
            $mistake = OUTSIDE;
        }
        $order = $orders[$mistake] ?? $order;
        $key = isset($spoils[$mistake]) ? $spoils[$mistake]($key) : $key;
        $names[] = $mistake;
    }
    $signed = in_array(SECOND, $made) ? (new DateTime($date))->modify("-$late seconds")->format('Y-m-d H:i:s') : $date;
    $hash = in_array(CLEAR, $made) ? SECRET : hash_hmac('sha256', strlen(CODE) . CODE . strlen($signed) . $signed, $key);
    $cases[] = ['scheme' => 'avangate', 'made' => $made, 'mistakes' => $names, 'fix' => $says, 'secret' => SECRET, 'now' => '2026-11-28 15:04:05'] + ($isHeader
        ? ['head' => sprintf('code="%s" time="%s" hash="%s" algo="sha256"', CODE, $date, $hash)]
        : ['body' => json_encode(['jsonrpc' => '2.0', 'method' => 'login', 'params' => $order(CODE, $date, $hash, 'sha256'), 'id' => 1])]);
}

$spoils = keys('key') + ['the merchant code is taken for the key' => fn ($key) => CODE];
$groups = [[CLEAR], array_keys($orders), array_keys($spoils), [SECOND], array_keys($calendars)];
foreach ($groups as $i => $group) {
    foreach ($group as $one) {
        foreach (array_merge(...array_slice($groups, $i + 1), ...[[]]) as $other) {
            if ($one === CLEAR && isset($spoils[$other])) {
                continue; // nothing is made with it
            }
            avangate([$one, $other]);
        }
    }
}
foreach (array_keys($orders) as $order) {
    avangate([$order, 'quotes around the key', SECOND], 300);
    avangate([$order, 'the key is cut at a # or an &', SECOND], 7);
}

echo "[\n", implode(",\n", array_map(fn ($case) => json_encode($case, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), $cases)), "\n]\n";
