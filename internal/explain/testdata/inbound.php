<?php
// Prints inbound_php.json, see inbound.py: the mistakes that are made in PHP. Run with:
// php -n inbound.php > inbound_php.json
$key = 'a-secret-key-of-some-length';
$vectors = [];

function vector(string $kind, array $mistakes, array $more): void
{
    global $vectors, $key;
    $vectors[] = ['kind' => $kind, 'mistakes' => $mistakes, 'key' => $key] + $more;
}

// The values of nested arrays, each behind its length, as the vendor's sample has it.
function source(array $values, ?callable $change = null): string
{
    $source = '';
    foreach ($values as $value) {
        if (is_array($value)) {
            $source .= source($value, $change);
        } else {
            $value = $change ? $change($value) : $value;
            $source .= strlen($value) . $value;
        }
    }
    return $source;
}

$body = 'REFNO=240000001&ORDERNO=0&COMPANY=&FIRSTNAME=J%C3%BCrg+%22O%27Neill%22+%5C+%26+S%C3%B6hne&IPN_PID%5B%5D=4711&IPN_PNAME%5B%5D=A+%26amp%3B+B&IPN_PID%5B%5D=4712&IPN_PNAME%5B%5D=&COMMENT=a%0D%0Ab&IPN_DATE=20260304050608';
$pairs = [];
foreach (explode('&', $body) as $pair) {
    $pairs[] = urldecode(explode('=', $pair, 2)[1]);
}
parse_str($body, $post);

function ipn(array $mistakes, string $source, string $field = 'SIGNATURE_SHA2_256', string $query = '', ?string $hash = null): void
{
    global $body, $key;
    $algos = ['SIGNATURE_SHA2_256' => 'sha256', 'SIGNATURE_SHA3_256' => 'sha3-256'];
    vector('ipn', $mistakes, ['body' => $body . '&' . $field . '=' . ($hash ?? hash_hmac($algos[$field], $source, $key)), 'query' => $query]);
}

// An HMAC by hand, with a block of 64 bytes whatever the function's is.
function by_hand(string $algo, string $data, string $key): string
{
    $key = str_pad(strlen($key) > 64 ? hash($algo, $key, true) : $key, 64, "\0");
    return hash($algo, ($key ^ str_repeat("\x5c", 64)) . hash($algo, ($key ^ str_repeat("\x36", 64)) . $data, true));
}

ipn([], source($pairs));
ipn([], source($pairs), 'SIGNATURE_SHA3_256');
ipn(['arrays are gathered, or of a name that comes twice the last value is kept'], source($post));
$sorted = $post;
ksort($sorted);
ipn(['the order is lost: the fields are sorted'], source($sorted));
ipn(['backslashes are taken out before hashing (stripslashes)'], source($pairs, 'stripslashes'));
ipn(['backslashes are added before hashing (addslashes)'], source($pairs, 'addslashes'));
ipn(['the values are HTML-coded'], source($pairs, 'htmlspecialchars'));
ipn(['the values are HTML-decoded'], source($pairs, 'html_entity_decode'));
ipn(['line ends are changed'], source($pairs, fn ($v) => str_replace("\r\n", "\n", $v)));
ipn(['empty values and 0 are left out'], source(array_filter($pairs)));
ipn(['0 is taken for empty'], source($pairs, fn ($v) => empty($v) ? '' : $v));
ipn(['the values are hashed with their escapes'], source($pairs, 'urlencode'));
ipn(['the values are hashed with their escapes'], source($pairs, 'rawurlencode'));
ipn(['the query of the URL is hashed with the body'], source(array_merge(['ipn', 'x'], $pairs)), 'SIGNATURE_SHA2_256', 'route=ipn&wc-api=x');
ipn(['the HMAC has a block of 64 bytes'], '', 'SIGNATURE_SHA3_256', '', by_hand('sha3-256', source($pairs), $key));
ipn(['a plain hash is made, and no HMAC'], '', 'SIGNATURE_SHA2_256', '', hash('sha256', source($pairs) . $key));
ipn(['bytes are read as Latin-1, and hashed in UTF-8'], source($pairs, fn ($v) => preg_replace_callback('/[\x80-\xff]/', fn ($m) => chr(0xc0 | ord($m[0]) >> 6) . chr(0x80 | ord($m[0]) & 0x3f), $v)));

$json = '{"transaction": {"id": 1, "amount": 49.90, "note": "Größe/L"}}';
$again = json_decode($json);
function webhook(array $mistakes, string $signature, string $body): void
{
    vector('webhook', $mistakes, ['body' => $body, 'signature' => $signature]);
}
webhook([], hash_hmac('sha256', $json, $key), $json);
foreach ([0, JSON_UNESCAPED_SLASHES, JSON_UNESCAPED_UNICODE, JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE, JSON_PRETTY_PRINT] as $flags) {
    webhook(['the JSON is parsed and written anew'], hash_hmac('sha256', json_encode($again, $flags), $key), $json);
}
$form = 'transaction[id]=1&transaction[note]=Gr%C3%B6%C3%9Fe+L';
parse_str($form, $parsed);
webhook(['the form is parsed and written anew'], hash_hmac('sha256', http_build_query($parsed), $key), $form);
webhook(['the form is parsed and written anew'], hash_hmac('sha256', http_build_query($parsed, '', '&', PHP_QUERY_RFC3986), $key), $form);
webhook(['a final newline was cut or added'], hash_hmac('sha256', trim($json), $key), $json . "\n");
webhook(['a plain hash is made, and no HMAC'], hash('sha256', $json . $key), $json);

$link = ['merchant' => 'YOURCODE123', 'prod' => 'A B', 'qty' => '1', 'return-url' => 'https://shop.example/bück', 'return-type' => 'redirect', 'lock' => ''];
$signed = array_diff_key($link, ['merchant' => 1]);
ksort($signed);
function buylink(array $mistakes, string $source): void
{
    global $link, $key;
    vector('buylink', $mistakes, ['url' => 'https://secure.2checkout.com/checkout/buy?' . http_build_query($link) . '&signature=' . hash_hmac('sha256', $source, $key)]);
}
buylink([], source($signed));
buylink(['the return-url is signed with its escapes'], source(array_replace($signed, ['return-url' => urlencode($link['return-url'])])));
buylink(['empty values are left out'], source(array_filter($signed, 'strlen')));
buylink(['only the names of the general list are signed'], source(array_diff_key($signed, ['prod' => 1, 'qty' => 1])));
buylink(['the lengths are behind the values'], implode('', array_map(fn ($v) => $v . strlen($v), $signed)));
buylink(['the names are signed, too'], http_build_query($signed));

echo json_encode($vectors, JSON_PRETTY_PRINT | JSON_UNESCAPED_UNICODE | JSON_UNESCAPED_SLASHES), "\n";
