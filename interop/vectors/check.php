<?php
// Signs and verifies what the vector files hold: php -n check.php FILE... For each
// file it prints how many values it compared, or which are wrong.
declare(strict_types=1);

require __DIR__ . '/schemes.php';

const HASHES = ['md5', 'sha256', 'sha3-256'];

function paylink(array $file, callable $expect): void
{
    ['secret' => $secret, 'instance' => $instance] = $file;
    foreach ($file['cases'] as $c) {
        $expect($c, 'string_to_sign', encoded($c['parameters']), $c['string_to_sign']);
        $expect($c, 'signature', api_signature($c['parameters'], $secret), $c['signature']);
        foreach ($c['requests'] as $r) {
            $expect($c, 'url and body', $r['body'] ?: (string) parse_url($r['url'], PHP_URL_QUERY), $c['string_to_sign']);
            $sent = sign_request($r['method'], strtok($r['url'], '?'), $c['parameters'], $secret, $instance);
            $expect($c, $r['method'], $sent, [$r['signed_url'], $r['signed_body']]);
            $expect($c, 'verify', verify_request($r['signed_url'], $r['signed_body'], $secret), $c['stable']);
            $expect($c, 'verify with another secret', verify_request($r['signed_url'], $r['signed_body'], $secret . 'x'), false);
            [$url, $body] = sign_request($r['method'], strtok($r['url'], '?'), $c['parameters'], '', $instance);
            $expect($c, 'verify without a secret', verify_request($url, $body, ''), false);
        }
    }
}

function avangate(array $file, callable $expect): void
{
    foreach ($file['vectors'] as $c) {
        $expect($c, 'string_to_sign', prefixed([$c['merchant_code'], $c['date']]), $c['string_to_sign']);
        foreach (['sha256' => 'sha256', 'sha3-256' => 'sha3_256'] as $algorithm => $field) {
            $expect($c, $field, hash_hmac($algorithm, $c['string_to_sign'], $c['key']), $c[$field]);
            $expect($c, 'header', avangate_header($c['merchant_code'], $c['date'], $c['key'], $algorithm), $c["header_$field"]);
            $expect($c, 'verify', header_verify($c["header_$field"], $c['key']), true);
            $expect($c, 'verify with another key', header_verify($c["header_$field"], $c['key'] . 'x'), false);
        }
    }
}

function source_of(array $c): string { return isset($c['source_hex']) ? hex2bin($c['source_hex']) : $c['source']; }

function macs(string $source, string $key): array { return array_combine(HASHES, array_map(fn ($a) => hash_hmac($a, $source, $key), HASHES)); }

/** None of what known mistakes give is right. */
function wrong(array $c, callable $expect, callable $right): void
{
    foreach ($c['wrong'] ?? [] as $why => $w) {
        $expect($c, $why, $right($w), false);
    }
}

function inbound(array $file, callable $expect): void
{
    ['payrexx_webhook' => $hooks, 'ipn_request' => $ipn, 'return_url' => $returned, 'buy_link' => $links] = $file;
    foreach ($hooks['cases'] as $c) {
        $body = isset($c['body_hex']) ? hex2bin($c['body_hex']) : $c['body'];
        $expect($c, 'signature', hash_hmac('sha256', $body, $c['signing_key']), $c['signature']);
        $expect($c, 'body_bytes', strlen($body), $c['body_bytes']);
        wrong($c, $expect, fn ($w) => webhook_verify($body, $w['signature'] ?? $w, $c['signing_key']));
    }
    foreach (array_filter($hooks['policy'], fn ($c) => $c['ok'] !== null) as $c) {
        $expect($c, 'ok', webhook_verify($c['body'], $c['header'], $c['signing_key']), $c['ok']);
    }
    foreach ([...$ipn['cases'], ...$ipn['readings_differ'], ...$file['lcn_request']['cases']] as $c) {
        $expect($c, 'source', ipn_source($c['body']), source_of($c));
        $expect($c, 'source_bytes', strlen(source_of($c)), $c['source_bytes']);
        $expect($c, 'pairs', isset($c['pairs']) ? form($c['body']) : null, $c['pairs'] ?? null);
        $expect($c, 'mac', macs(ipn_source($c['body']), $c['key']), $c['mac']);
        foreach ($c['signed'] ?? [] as $body) {
            $expect($c, 'verify', ipn_verify($body, $c['key'], HASHES), true);
            $expect($c, 'verify with another key', ipn_verify($body, $c['key'] . 'x', HASHES), false);
        }
        $accepted = fn ($mac, $a) => ipn_verify(str_replace($c['mac'][$a], $mac, $c['signed'][$a]), $c['key'], HASHES);
        wrong($c, $expect, fn ($w) => array_filter($w['mac'], $accepted, ARRAY_FILTER_USE_BOTH) !== []);
        parse_str($c['body'], $form);
        $php = $c['php_order'] ?? $c;
        $expect($c, 'php_order', php_source($form), source_of($php));
        $expect($c, 'php_order, mac', macs(source_of($php), $c['key']), $php['mac']);
    }
    foreach ($ipn['not_bound'] as $c) {
        foreach ($c['bodies'] as $body) {
            $expect($c, 'mac', [ipn_source($body), macs(ipn_source($body), $c['key'])], [$c['source'], $c['mac']]);
        }
    }
    foreach ($ipn['policy'] as $c) {
        $expect($c, 'any', ipn_verify($c['body'], $c['key'], HASHES), $c['ok_if_any_algorithm']);
        $expect($c, 'no md5', ipn_verify($c['body'], $c['key'], ['sha256', 'sha3-256']), $c['ok_if_sha2_or_sha3_required']);
    }
    foreach ([...$file['ipn_reply']['cases'], ...$file['lcn_reply']['cases'], ...$file['sent_by_merchant']['cases']] as $c) {
        $expect($c, 'source', prefixed($c['values']), source_of($c));
        $expect($c, 'mac', macs(source_of($c), $c['key']), $c['mac']);
        foreach ($c['reply'] ?? [] as $algorithm => $reply) {
            $expect($c, 'reply', reply($algorithm, $c['key'], $c['values']), $reply);
        }
        wrong($c, $expect, fn ($w) => array_intersect_assoc($w['mac'], $c['mac']) !== []);
    }
    $c = ['name' => 'wrong_forms'] + $file['ipn_reply']['wrong_forms'];
    wrong($c, $expect, fn ($w) => in_array($w, array_map(fn ($a) => reply($a, $c['key'], $c['values']), HASHES), true));
    foreach ($returned['cases'] as $c) {
        $own = $c['own'] ?? [];
        $expect($c, 'pairs', form($c['query']), $c['pairs']);
        $expect($c, 'source', return_source($c['query'], $own), source_of($c));
        $expect($c, 'signature', hash_hmac('sha256', source_of($c), $c['secret_word']), $c['signature']);
        $query = $c['query'] . '&signature=' . $c['signature'];
        $expect($c, 'url', (string) parse_url($c['url'], PHP_URL_QUERY), $query);
        $expect($c, 'verify', return_verify($query, $c['secret_word'], $own), true);
        $expect($c, 'verify in capitals', return_verify(str_replace($c['signature'], strtoupper($c['signature']), $query), $c['secret_word'], $own), true);
        $expect($c, 'verify with another word', return_verify($query, $c['secret_word'] . 'x', $own), false);
        wrong($c, $expect, fn ($w) => return_verify($c['query'] . '&signature=' . $w['signature'], $c['secret_word'], $own));
    }
    foreach ($returned['not_bound'] as $c) {
        foreach ($c['queries'] as $i => $query) {
            $expect($c, 'source', return_source($query), $c['sources'][$i] ?? $c['source']);
            $expect($c, 'verify', return_verify($query . '&signature=' . ($c['signatures'][$i] ?? $c['signature']), $c['secret_word']), true);
        }
    }
    foreach ($links['cases'] as $c) {
        $names = isset($c['url']) ? $links['signed_names_of_vendor_plugins'] : $c['signed_names'];
        $signature = hash_hmac('sha256', link_source($c['pairs'], $names), $c['secret_word']);
        $expect($c, 'source', link_source($c['pairs'], $names), source_of($c));
        $expect($c, 'signed_names', link_source($c['pairs'], $c['signed_names']), source_of($c));
        $expect($c, 'signature', $signature, $c['signature']);
        $expect($c, 'url', form((string) parse_url($c['url'] ?? '', PHP_URL_QUERY)), isset($c['url']) ? [...$c['pairs'], ['signature', $c['signature']]] : []);
        wrong($c, $expect, fn ($w) => $signature === $w['signature']);
    }
    foreach ($file['jwt']['cases'] as $c) {
        $expect($c, 'token', jwt($c['secret_word'], $c['header'], $c['payload']), $c['token']);
        $expect($c, 'parts', $c['input'] . '.' . $c['signature'], $c['token']);
        $expect($c, 'verify', jwt_verify($c['token'], $c['secret_word']), true);
        wrong($c, $expect, fn ($w) => jwt_verify($w, $c['secret_word']));
    }
}

$status = 0;
foreach (array_slice($argv, 1) as $path) {
    $file = json_decode(file_get_contents($path), true, 512, JSON_THROW_ON_ERROR);
    [$compared, $wrong] = [0, []];
    $expect = function (array $c, string $what, mixed $got, mixed $want) use (&$compared, &$wrong): void {
        $compared++;
        if ($got !== $want) {
            $wrong[] = "{$c['name']}: $what";
        }
    };
    (isset($file['cases']) ? 'paylink' : (isset($file['vectors']) ? 'avangate' : 'inbound'))($file, $expect);
    echo $path, ': ', $wrong ? 'WRONG: ' . implode('; ', $wrong) : "$compared right", "\n";
    $status |= (int) (bool) $wrong;
}
exit($status);
