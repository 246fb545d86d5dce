<?php
// Verifies requests as the gateways' documents describe, with PHP's built-ins
// only: a router for php -S. /rest/ is 2Checkout's, /ready says that the server
// runs, every other path is the Payrexx family's, where X-API-KEY, if it is there,
// counts in place of a signature. Credentials come from the environment: SECRET,
// INSTANCE, SECRET_KEY, MERCHANT_CODE.
declare(strict_types=1);
error_reporting(0);

function answer(int $status, array $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body, JSON_THROW_ON_ERROR);
    exit;
}

function leaves(array $a, string $prefix = ''): array
{
    $out = [];
    foreach ($a as $key => $value) {
        $name = $prefix === '' ? (string) $key : $prefix . '[' . $key . ']';
        array_push($out, ...(is_array($value) ? leaves($value, $name) : [[base64_encode($name), base64_encode($value)]]));
    }
    return $out;
}

// Says whether ApiSignature is right for the other parameters.
function signed(array $parameters): bool
{
    $claimed = $parameters['ApiSignature'] ?? '';
    unset($parameters['ApiSignature'], $parameters['instance']);
    $computed = base64_encode(hash_hmac('sha256', http_build_query($parameters, '', '&'), getenv('SECRET'), true));
    return is_string($claimed) && hash_equals($computed, $claimed);
}

// Returns the parameters of the request in every way that they can be read.
function readings(): array
{
    $body = file_get_contents('php://input');
    $type = strtolower(trim(explode(';', $_SERVER['CONTENT_TYPE'] ?? '')[0]));
    if ($type === 'multipart/form-data') {
        return [$_POST]; // PHP keeps no php://input of it
    }
    if ($body !== '' && $type === 'application/json') {
        return [
            json_decode($body, true, flags: JSON_THROW_ON_ERROR),
            (array) json_decode($body, false, flags: JSON_THROW_ON_ERROR),
        ];
    }
    $raw = $body === '' ? $_SERVER['QUERY_STRING'] ?? '' : $body;
    parse_str($raw, $parsed);
    parse_str(str_replace('+', '%2B', $raw), $kept);
    $readings = [$parsed, $kept];
    // What PHP itself has parsed, where it does.
    if ($body === '') {
        $readings[] = $_GET;
    } elseif ($_SERVER['REQUEST_METHOD'] === 'POST') {
        $readings[] = $_POST;
    }
    return $readings;
}

function paylink(): never
{
    if (($_GET['instance'] ?? '') !== getenv('INSTANCE')) {
        answer(422, ['error' => 'instance']);
    }
    if (isset($_SERVER['HTTP_X_API_KEY'])) {
        keyed();
    }
    foreach (readings() as $i => $parameters) {
        $last = array_key_last(array_diff_key($parameters, ['instance' => 1]));
        if (!signed($parameters) || $last !== 'ApiSignature') {
            answer(403, ['error' => 'signature', 'reading' => $i, 'last' => $last]);
        }
    }
    parse_str(http_build_query(readings()[0]), $parameters);
    unset($parameters['ApiSignature'], $parameters['instance']);
    answer(200, ['parameters' => leaves($parameters), 'files' => files()]);
}

function files(): object
{
    return (object) array_map(fn (array $f): string => hash_file('sha256', $f['tmp_name']), $_FILES);
}

// Checks the key, and tells the body and, unless that is JSON, every reading.
function keyed(): never
{
    if (!hash_equals(getenv('SECRET'), $_SERVER['HTTP_X_API_KEY'])) {
        answer(401, ['error' => 'key']);
    }
    $json = ($_SERVER['CONTENT_TYPE'] ?? '') === 'application/json';
    answer(200, [
        'readings' => $json ? [] : array_map(fn (array $parameters): array => leaves($parameters), readings()),
        'body' => base64_encode(file_get_contents('php://input')),
        'files' => files(),
    ]);
}

function avangate(): never
{
    $ok = preg_match(
        '/^code="([^"]+)" date="([^"]+)" hash="([0-9a-f]+)" algo="(sha256|sha3-256)"$/',
        $_SERVER['HTTP_X_AVANGATE_AUTHENTICATION'] ?? '',
        $m,
    );
    if (!$ok || $m[1] !== getenv('MERCHANT_CODE')) {
        answer(401, ['error' => 'header']);
    }
    $hash = hash_hmac($m[4], strlen($m[1]) . $m[1] . strlen($m[2]) . $m[2], getenv('SECRET_KEY'));
    if (!hash_equals($hash, $m[3])) {
        answer(401, ['error' => 'hash']);
    }
    if (abs(time() - strtotime($m[2] . ' UTC')) > 60) {
        answer(401, ['error' => 'time']);
    }
    answer(200, ['algo' => $m[4], 'accept' => $_SERVER['HTTP_ACCEPT'] ?? '']);
}

$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
match (true) {
    $path === '/ready' => answer(200, []),
    str_starts_with($path, '/rest/') => avangate(),
    default => paylink(),
};
