<?php
// Prints testdata/paylink.json: the ApiSignature of the Payrexx family at every
// stage, made with PHP's own http_build_query and hash_hmac, as the vendor's
// documents and SDK (payrexx-php 1.8.11, lib/Payrexx/Communicator.php) have it.
//
//     php -n testdata/paylink.php > testdata/paylink.json
declare(strict_types=1);

const SECRET = 'test-secret-key';
const INSTANCE = 'example';

function utf8(int $c): string
{
    $low = fn (int $c) => chr(0x80 | $c & 0x3F);
    return match (true) {
        $c < 0x80 => chr($c),
        $c < 0x800 => chr(0xC0 | $c >> 6) . $low($c),
        $c < 0x10000 => chr(0xE0 | $c >> 12) . $low($c >> 6) . $low($c),
        default => chr(0xF0 | $c >> 18) . $low($c >> 12) . $low($c >> 6) . $low($c),
    };
}

// Where a case's parameters are from; "own" means made for this file.
$cases = [
    ['empty', 'SignatureCheck in the vendor\'s samples signs the empty string', []],
    ['signature_check_sdk', 'payrexx-php 1.8.11', ['model' => 'SignatureCheck']],
    ['doc_example', 'API reference, "Build query string (e.g. model=Page&id=17)"', ['model' => 'Page', 'id' => 17]],
    ['doc_sample_form', 'getting started, Java sample of the API reference', [
        'title' => 'Test', 'description' => 'Test', 'referenceId' => '12345678', 'purpose' => 'Test', 'amount' => '200', 'currency' => 'EUR',
    ]],
    ['space_plus_percent', 'own', ['purpose' => 'This is a+b 100% test']],
    ['reserved_ascii', 'own', ['s' => ' !"#$%&\'()*+,-./:;<=>?@[\\]^_`{|}~']],
    ['every_byte', 'own: each that UTF-8 has', ['b' => implode('', array_map('utf8', [
        ...range(0, 0xFF), ...range(0x100, 0x7FF, 0x40), 0x800, ...range(0x1000, 0xF000, 0x1000), 0x10000, ...range(0x40000, 0x100000, 0x40000),
    ]))]],
    ['umlaut_emoji', 'own', ['n' => 'Zürich 😀 ß']],
    ['unicode_names', 'own', ['größe' => 'groß', 'felder' => ['名前' => 'x']]],
    ['nested_fields', 'own', ['fields' => ['email' => ['value' => 'max.mustermann@mysite.com'], 'forename' => ['value' => 'Jürg']]]],
    ['lists', 'own', ['psp' => [44, 36], 'pm' => ['visa', 'mastercard']]],
    ['basket', 'own', ['basket' => [
        ['name' => 'Product', 'amount' => 8000, 'vatRate' => 7.7],
        ['name' => 'Shipping Costs', 'amount' => 925, 'vatRate' => 0],
    ]]],
    ['types', 'own', ['t' => true, 'f' => false, 'n' => null, 'e' => '', 'ea' => [], 'z' => 0, 'fl' => 8.1, 'one' => 1]],
    ['doc_gateway', 'API reference, create a Gateway', [
        'amount' => 8925, 'vatRate' => 7.7, 'currency' => 'CHF', 'sku' => 'P01122000', 'pm' => ['visa'], 'preAuthorization' => 0,
        'reservation' => 0, 'referenceId' => 975382, 'fields' => [
            'forename' => ['value' => 'Max'], 'surname' => ['value' => 'Mustermann'], 'email' => ['value' => 'max.mustermann@mysite.com'],
        ],
        'successRedirectUrl' => 'https://www.merchant-website.com/success', 'failedRedirectUrl' => 'https://www.merchant-website.com/failed',
    ]],
    ['list_filter', 'API reference, list transactions', [
        'filterDatetimeUtcGreaterThan' => '2020-01-20 14:55:00', 'filterDatetimeUtcLessThan' => '2020-01-25 19:00:50', 'offset' => 30, 'limit' => 2,
    ]],
    ['long_value', 'own', ['purpose' => str_repeat('Zahlung ~ ', 400)]],
    ['deep', 'own', ['a' => array_reduce(range(1, 64), fn ($inner) => ['b' => $inner], 'x')]],
    ['weird_key', 'own', ['a b~*' => 1]],
    ['dotted_key', 'own', ['a.b' => 1]],
];

$out = ['format' => 1, 'secret' => SECRET, 'instance' => INSTANCE, 'cases' => []];
foreach ($cases as [$name, $source, $parameters]) {
    $signed = http_build_query($parameters, '', '&');
    $signature = base64_encode(hash_hmac('sha256', $signed, SECRET, true));
    $wire = str_replace(['+', '%7E'], ['%20', '~'], $signed);
    $last = ($wire === '' ? '' : '&') . 'ApiSignature=' . rawurlencode($signature);
    parse_str($wire, $read);
    $path = 'https://api.example.com/v1.0/Page/';
    $instance = 'instance=' . rawurlencode(INSTANCE);
    $out['cases'][] = [
        'name' => $name,
        'source' => $source,
        'parameters' => $parameters,
        // Whether PHP reads back from the wire what was signed.
        'stable' => http_build_query($read, '', '&') === $signed,
        'string_to_sign' => $signed,
        'signature' => $signature,
        // What a client starts from, in PHP's own form encoding, and what is sent.
        'requests' => [
            ['method' => 'GET', 'url' => $path . ($signed === '' ? '' : '?' . $signed), 'body' => '',
                'signed_url' => $path . '?' . $wire . $last . '&' . $instance, 'signed_body' => ''],
            ['method' => 'POST', 'url' => $path, 'body' => $signed,
                'signed_url' => $path . '?' . $instance, 'signed_body' => $wire . $last],
        ],
    ];
}
echo json_encode($out, JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
