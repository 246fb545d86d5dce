<?php
// Prints avangate_php.json, see avangate.py: the mistakes that are made in PHP, with
// hash_hmac as the vendor's samples have it. Run with: php -n avangate.php > avangate_php.json
//
// With a number it prints so many right headers instead, each in a line behind its
// merchant code, its date and its key: php -n avangate.php 10000
date_default_timezone_set('UTC');

const CODE = 'YOURCODE123';
const KEY = 'a-secret-key-of-some-length';
define('NOW', gmmktime(3, 4, 5, 1, 2, 2026));
define('DATE', gmdate('Y-m-d H:i:s', NOW));

function toSign(string $code = CODE, string $date = DATE): string
{
    return strlen($code) . $code . strlen($date) . $date;
}

function head(string $hash, string $code = CODE, string $date = DATE, ?string $algo = 'sha256'): string
{
    return "code=\"$code\" date=\"$date\" hash=\"$hash\"" . ($algo === null ? '' : " algo=\"$algo\"");
}

function characters(string $text): array
{
    return preg_split('//u', $text, -1, PREG_SPLIT_NO_EMPTY);
}

if (isset($argv[1])) {
    mt_srand(1);
    $letters = characters('ABCabc019 -_.,;:=&%$!/<>(){}[]ËßЖ漢😀');
    for ($i = 0; $i < $argv[1]; $i++) {
        $code = $key = '';
        for ($n = mt_rand(1, 20); $n > 0; $n--) {
            $code .= $letters[mt_rand(0, count($letters) - 1)];
        }
        for ($n = mt_rand(14, 40); $n > 0; $n--) {
            $key .= chr(mt_rand(33, 126));
        }
        $code = 'A' . $code . 'Z';
        $date = gmdate('Y-m-d H:i:s', mt_rand(0, 4102444799));
        $algo = ['sha256', 'sha3-256'][mt_rand(0, 1)];
        $hash = hash_hmac($algo, toSign($code, $date), $key);
        $quote = ['"', "'"][mt_rand(0, 1)];
        $attributes = ["code=$quote$code$quote", "date=$quote$date$quote", "hash=$quote$hash$quote", "algo=$quote$algo$quote"];
        if (mt_rand(0, 3) === 0) {
            shuffle($attributes);
        }
        echo "$code\t$date\t$key\t", implode([' ', ' ', ' ', ''][mt_rand(0, 3)], $attributes), "\n";
    }
    exit;
}

$vectors = [];

function vector(array $mistakes, string $header, string $signed, array $more = []): void
{
    global $vectors;
    $vectors[] = $more + ['mistakes' => $mistakes, 'account' => CODE, 'key' => KEY, 'now' => DATE, 'header' => $header, 'signed' => $signed, 'fix' => ''];
}

function signed(string $mistake, string $message, array $more = []): void
{
    vector([$mistake], head(hash_hmac('sha256', $message, KEY)), $message, $more);
}

function sent(string $mistake, string $hash, ?string $algo = 'sha256', array $more = []): void
{
    vector([$mistake], head($hash, algo: $algo), toSign(), $more);
}

foreach (['sha256', 'sha3-256'] as $algo) {
    vector([], head(hash_hmac($algo, toSign(), KEY), algo: $algo), toSign());
}
// The placeholders of the vendor's documents, with the hash that they print.
vector(['MD5 is used'], 'code="AVANGATE" date="2010-05-13 12:12:12" hash="bf763db7d333e9c3038698cf59ada3e6" algo="sha256"', '8AVANGATE192010-05-13 12:12:12',
    ['account' => 'AVANGATE', 'key' => 'SECRET_KEY', 'now' => '2010-05-13 12:12:12']);

signed('the lengths are left out', CODE . DATE);
signed('the lengths are behind the values', CODE . strlen(CODE) . DATE . strlen(DATE));
signed('a length is missing', strlen(CODE) . CODE . DATE);
signed('the lengths or values are in another order', strlen(DATE) . DATE . strlen(CODE) . CODE);
signed('a newline is signed behind the date', toSign() . PHP_EOL);
signed('another merchant code is signed than sent', toSign(strtolower(CODE)));
foreach (['TËST', 'SHOP😀'] as $code) {
    $message = count(characters($code)) . $code . strlen(DATE) . DATE;
    vector(['the length is in characters'], head(hash_hmac('sha256', $message, KEY), $code), $message, ['account' => $code]);
}
vector(['the merchant code is in another case'], head(hash_hmac('sha256', toSign('yourcode123'), KEY), 'yourcode123'), toSign('yourcode123'));

// The vendor's samples call gmdate twice.
signed('the dates signed and sent are a second apart', toSign(CODE, gmdate('Y-m-d H:i:s', NOW - 1)));
signed('the dates signed and sent are a second apart', toSign(CODE, gmdate('Y-m-d H:i:s', NOW + 1)));
foreach (['c' => 'the date has a T or a Z', 'Y-m-d\TH:i:s\Z' => 'the date has a T or a Z', 'Y-m-d H:i:s \G\M\T' => 'the date has a time zone', 'Y-m-d H:i:s T' => 'the date has a time zone',
    'YmdHis' => 'the date has another form', 'U' => 'the date has another form', 'r' => 'the date has another form', 'Y/m/d H:i:s' => 'the date has another form'] as $format => $mistake) {
    $date = gmdate($format, NOW);
    vector([$mistake], head(hash_hmac('sha256', toSign(CODE, $date), KEY), date: $date), toSign(CODE, $date));
    if ($format !== 'Y-m-d H:i:s T') { // in UTC it is not what is tried
        signed($mistake, toSign(CODE, $date));
    }
}
foreach (['Asia/Tokyo', 'America/Los_Angeles', 'Asia/Kabul', 'Australia/Lord_Howe', 'Asia/Kathmandu'] as $zone) {
    date_default_timezone_set($zone);
    [$local, $offset] = [date('Y-m-d H:i:s', NOW), 'UTC' . date('P', NOW)];
    signed('the date is signed in one time zone and sent in another', toSign(CODE, $local), ['fix' => "as $offset is of UTC"]);
    vector(['the date is signed in one time zone and sent in another', 'the date is outside the window'],
        head(hash_hmac('sha256', toSign(), KEY), date: $local), toSign(), ['fix' => $offset]);
    vector(['the date is outside the window'], head(hash_hmac('sha256', toSign(CODE, $local), KEY), date: $local), toSign(CODE, $local), ['fix' => $offset]);
}
date_default_timezone_set('UTC');

sent('MD5 is used', hash_hmac('md5', toSign(), KEY), null);
sent('algo is missing', hash_hmac('sha3-256', toSign(), KEY), null);
sent('algo is unknown', hash_hmac('SHA3-256', toSign(), KEY), 'SHA3-256');
sent('SHA-256 is used', hash_hmac('sha256', toSign(), KEY), 'sha3-256');
sent('SHA3-512 is used', hash_hmac('sha3-512', toSign(), KEY), 'sha3-256');
sent('a plain hash is made, and no HMAC', hash('sha256', toSign()));
sent('a plain hash is made, and no HMAC', hash('sha3-256', toSign() . KEY), 'sha3-256');
sent('key and message are swapped', hash_hmac('sha256', KEY, toSign()));
sent('white space around the key', hash_hmac('sha256', toSign(), KEY . "\n"));
sent('the key is empty, undefined or null', hash_hmac('sha256', toSign(), (string) getenv('COUNTERSIGN_NO_SUCH_VARIABLE')));
sent('quotes around the key', hash_hmac('sha256', toSign(), '"' . KEY . '"'));
foreach (['a<key>&with"all\'of them', 'a-key-with-&-in-it'] as $key) {
    sent('the key is escaped as HTML', hash_hmac('sha256', toSign(), htmlspecialchars($key)), more: ['key' => $key]);
}
$key = '00112233445566778899aabbccddeeff';
sent('the key is decoded from hexadecimal digits', hash_hmac('sha256', toSign(), hex2bin($key)), more: ['key' => $key]);
$key = 'c29tZSBvdGhlciBrZXksIGxvbmdlcg==';
sent('the key is decoded from base64', hash_hmac('sha256', toSign(), base64_decode($key)), more: ['key' => $key]);
foreach ([
    'the key is cut at a # or an &' => fn ($key) => strtok($key, '#&'),
    'plus signs of the key are taken for spaces' => fn ($key) => strtr($key, '+', ' '),
    'the key is percent-encoded' => fn ($key) => rawurlencode($key),
    'the key is percent-decoded' => fn ($key) => rawurldecode($key),
    'a variable is replaced in the key' => fn ($key) => preg_replace('/\$[a-z]+/', '', $key),
    'backslashes of the key are doubled or lost' => fn ($key) => addcslashes($key, '\\'),
    'a byte order mark before the key' => fn ($key) => "\u{FEFF}$key",
    'quotes around the key' => fn ($key) => "'$key'",
] as $mistake => $spoil) {
    $key = 'aZ3+kq%41v\\w$xy#7&Lp_';
    sent($mistake, hash_hmac('sha256', toSign(), $spoil($key)), more: ['key' => $key]);
}
sent('the hash is in base64', base64_encode(hash_hmac('sha256', toSign(), KEY, true)));
sent('the hash is the base64 of hexadecimal digits', base64_encode(hash_hmac('sha256', toSign(), KEY)));
sent('the hash is in upper-case hexadecimal digits', strtoupper(hash_hmac('sha256', toSign(), KEY)));

// An HMAC by hand, whose block is that of MD5 and SHA-2.
$padded = str_pad(KEY, 64, "\0");
$inner = hash('sha3-256', ($padded ^ str_repeat("\x36", 64)) . toSign(), true);
sent('the HMAC has a block of 64 bytes', hash('sha3-256', ($padded ^ str_repeat("\x5c", 64)) . $inner), 'sha3-256');

echo "[\n", implode(",\n", array_map(fn ($v) => json_encode($v, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), $vectors)), "\n]\n";
