<?php
// How the gateways' requests, notifications and links are signed and verified.
//
// Written from docs/paylink.md and docs/2checkout.md, with PHP's own functions only,
// and apart from the Go code: check.php compares it with the vectors. It has no
// grammar of what is refused, no bounds and no clock.
declare(strict_types=1);

const FIELDS = ['SIGNATURE_SHA3_256' => 'sha3-256', 'SIGNATURE_SHA2_256' => 'sha256', 'HASH' => 'md5']; // the strongest first

function same(string $a, string $b): bool { return hash_equals(strtolower($b), strtolower($a)); }

/** The pairs of a form or query, decoded: cut at & and at the first =. */
function form(string $text): array
{
    $parts = array_filter(explode('&', $text), fn ($part) => $part !== '');
    return array_values(array_map(fn ($part) => array_map('urldecode', explode('=', $part, 2) + [1 => '']), $parts));
}

/** Each value behind its length in bytes. */
function prefixed(array $values): string { return implode('', array_map(fn ($v) => strlen($v) . $v, $values)); }

function by_name(array $pairs): string
{
    usort($pairs, fn ($a, $b) => strcmp($a[0], $b[0]));
    return prefixed(array_column($pairs, 1));
}

// The Payrexx family's ApiSignature.

function encoded(array $parameters): string { return http_build_query($parameters, '', '&'); }

function wire(array $parameters): string { return http_build_query($parameters, '', '&', PHP_QUERY_RFC3986); }

function api_signature(array $parameters, string $secret): string
{
    return base64_encode(hash_hmac('sha256', encoded($parameters), $secret, true));
}

/** The URL and the body as they are sent. */
function sign_request(string $method, string $url, array $parameters, string $secret, string $instance): array
{
    $parameters['ApiSignature'] = api_signature($parameters, $secret);
    return $method === 'GET'
        ? [$url . '?' . wire($parameters + ['instance' => $instance]), '']
        : [$url . '?' . wire(['instance' => $instance]), wire($parameters)];
}

function verify_request(string $url, string $body, string $secret): bool
{
    parse_str($body !== '' ? $body : (string) parse_url($url, PHP_URL_QUERY), $parameters);
    $signature = $parameters['ApiSignature'] ?? '';
    unset($parameters['ApiSignature'], $parameters['instance']);
    return $secret !== '' && is_string($signature) && hash_equals(api_signature($parameters, $secret), $signature);
}

// 2Checkout's X-Avangate-Authentication.

function avangate_header(string $code, string $date, string $key, string $algorithm): string
{
    $hash = hash_hmac($algorithm, prefixed([$code, $date]), $key);
    return "code=\"$code\" date=\"$date\" hash=\"$hash\" algo=\"$algorithm\"";
}

function header_verify(string $text, string $key): bool
{
    return $key !== '' && preg_match('/^code="(.*)" date="(.*)" hash="(.*)" algo="(sha256|sha3-256)"$/D', $text, $m) === 1
        && same($m[3], hash_hmac($m[4], prefixed([$m[1], $m[2]]), $key));
}

// What the gateways send, and what a merchant signs in a link.

function ipn_source(string $body): string
{
    return prefixed(array_column(array_filter(form($body), fn ($p) => !isset(FIELDS[$p[0]])), 1));
}

/** The same in the order in which PHP has a form: an array is where its first element was. */
function php_source(array $form): string
{
    $source = '';
    foreach ($form as $name => $value) {
        $source .= is_array($value) ? php_source($value) : (isset(FIELDS[$name]) ? '' : prefixed([$value]));
    }
    return $source;
}

function ipn_verify(string $body, string $key, array $algorithms): bool
{
    $given = array_column(form($body), 1, 0);
    foreach (FIELDS as $field => $algorithm) {
        if (($given[$field] ?? '') !== '') {
            return $key !== '' && in_array($algorithm, $algorithms, true) && same($given[$field], hash_hmac($algorithm, ipn_source($body), $key));
        }
    }
    return false;
}

function reply(string $algorithm, string $key, array $values): string
{
    $date = end($values);
    $hash = hash_hmac($algorithm, prefixed($values), $key);
    return $algorithm === 'md5' ? "<EPAYMENT>$date|$hash</EPAYMENT>" : "<sig algo=\"$algorithm\" date=\"$date\">$hash</sig>";
}

function webhook_verify(string $body, ?string $signature, string $key): bool
{
    return $key !== '' && $signature !== null && same(trim($signature), hash_hmac('sha256', $body, $key));
}

/** All that comes back, sorted by name, but the signature and what the shop put into its URL. */
function return_source(string $query, array $own = []): string
{
    return by_name(array_filter(form($query), fn ($p) => !in_array($p[0], ['signature', ...$own], true)));
}

function return_verify(string $query, string $word, array $own = []): bool
{
    return $word !== '' && same(array_column(form($query), 1, 0)['signature'] ?? '', hash_hmac('sha256', return_source($query, $own), $word));
}

function link_source(array $pairs, array $names): string { return by_name(array_filter($pairs, fn ($p) => in_array($p[0], $names, true))); }

function base64url(string $bytes): string { return rtrim(strtr(base64_encode($bytes), '+/', '-_'), '='); }

function jwt(string $word, string $head, string $payload): string
{
    $signed = base64url($head) . '.' . base64url($payload);
    return $signed . '.' . base64url(hash_hmac('sha512', $signed, $word, true));
}

function jwt_verify(string $token, string $word): bool
{
    $dot = (int) strrpos($token, '.');
    return $word !== '' && hash_equals(base64url(hash_hmac('sha512', substr($token, 0, $dot), $word, true)), substr($token, $dot + 1));
}
