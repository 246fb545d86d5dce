<?php
// Prints avangate.json, the vectors of 2Checkout's header. Run with: php -n avangate.php > avangate.json
// Everything is computed with PHP's own hash_hmac, as in the vendor's samples.

const SOAP = 'https://verifone.cloud/docs/2checkout/API-Integration/SOAP_API_6.0/01Authentication';
const GENERAL = 'https://verifone.cloud/docs/2checkout/API-Integration/01Start-using-the-2Checkout-API/2Checkout-API-general-information/API_Authentication';

function vector(string $name, string $code, string $date, string $key, string $stringSource = 'computed'): array
{
    $string = strlen($code) . $code . strlen($date) . $date;
    $vector = [
        'name' => $name,
        'source' => 'computed',
        'string_source' => $stringSource,
        'merchant_code' => $code,
        'date' => $date,
        'key' => $key,
        'string_to_sign' => $string,
    ];
    foreach (['sha256', 'sha3-256'] as $algo) {
        $hash = hash_hmac($algo, $string, $key);
        $field = strtr($algo, '-', '_');
        $vector[$field] = $hash;
        $vector["header_$field"] = "code=\"$code\" date=\"$date\" hash=\"$hash\" algo=\"$algo\"";
    }
    return $vector;
}

$vectors = [
    vector('documents, 2010', 'AVANGATE', '2010-05-13 12:12:12', 'SECRET_KEY', SOAP),
    vector('documents, 2020', 'YOURCODE123', '2020-06-18 08:05:46', 'SECRET_KEY', GENERAL),
    vector('documents, 2020, the placeholder as key', 'YOURCODE123', '2020-06-18 08:05:46', 'YOUR_SECRET_KEY', GENERAL),
    vector('length in bytes', 'TËST', '2020-06-18 08:05:46', 'secret'),
];
foreach ([1, 13, 14, 63, 64, 65, 100, 135, 136, 137, 200, 1000] as $length) {
    $vectors[] = vector("key of $length bytes", 'AVANGATE', '2010-05-13 12:12:12', str_repeat('k', $length));
}
array_push(
    $vectors,
    vector('code of one digit', '1', '2026-01-02 03:04:05', 'a secret key of some length'),
    vector('code of ten bytes', '2501234567', '2024-02-29 23:59:59', 'a secret key of some length'),
    vector('code with a space', 'MY SHOP', '2026-12-31 00:00:00', 'a secret key of some length'),
    vector('code with umlauts', 'MÜLLER-GRÖßE', '2026-12-31 23:59:59', 'a secret key of some length'),
    vector('code outside the basic plane', 'SHOP😀', '1999-12-31 23:59:59', 'a secret key of some length'),
    vector('code with what JSON and URLs escape', 'A/B&C=D,E%22', '2038-01-19 03:14:08', 'a secret key of some length'),
    vector('key with umlauts', 'AVANGATE', '2010-05-13 12:12:12', 'schlüssel für größere ämter'),
    vector('key with quotes', 'AVANGATE', '2010-05-13 12:12:12', "#test_\"Secret\"-'keY'&["),
);

echo json_encode([
    'format' => 1,
    'description' => 'The header X-Avangate-Authentication. string_to_sign is strlen(code).code.strlen(date).date in bytes; sha256 and sha3_256 are hash_hmac(algo, string_to_sign, key) in hexadecimal digits. source tells where the hashes are from: the vendor publishes none but MD5. string_source tells where the string is from: "computed", or the page that publishes it.',
    'generator' => 'testdata/avangate.php',
    'vectors' => $vectors,
], JSON_PRETTY_PRINT | JSON_UNESCAPED_SLASHES | JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR), "\n";
