<?php
// Plays gateways of the Payrexx family that differ in how they read a request, with
// PHP's built-ins only: a router for php -S. The first part of the path says how:
// /QUERYPLUS-BODYPLUS-REPLACES-JSON-TYPE-NAMES/v1.0/SignatureCheck/. Plus signs are
// space or plus, the next three yes or no, and names is parse_str, flat, or regex,
// which takes what stands between brackets if there is anything. SECRET is the secret.
declare(strict_types=1);
error_reporting(0);

[, $how] = explode('/', $_SERVER['REQUEST_URI']);
if ($how === 'ready') {
    exit;
}
[$queryPlus, $bodyPlus, $replaces, $json, $typeMatters, $names] = explode('-', $how);

function parse(string $text, string $plus, string $names): array
{
    if ($plus === 'plus') {
        $text = str_replace('+', '%2B', $text);
    }
    if ($names === 'parse_str') {
        parse_str($text, $parameters);
        return $parameters;
    }
    $parameters = [];
    foreach (array_filter(explode('&', $text), strlen(...)) as $pair) {
        [$name, $value] = array_map(urldecode(...), explode('=', $pair, 2) + [1 => '']);
        if ($names === 'flat') {
            $parameters[$name] = $value;
            continue;
        }
        preg_match_all('/[^\[\]]+/', $name, $keys);
        $place = &$parameters;
        foreach ($keys[0] as $key) {
            $place = &$place[$key];
        }
        $place = $value;
        unset($place);
    }
    return $parameters;
}

$body = file_get_contents('php://input');
$type = strtolower(trim(explode(';', $_SERVER['CONTENT_TYPE'] ?? '')[0]));
$query = parse($_SERVER['QUERY_STRING'] ?? '', $queryPlus, $names);
$parameters = [];
$isA = fn (string $wanted): bool => $typeMatters === 'no' || $type === $wanted;
if ($type === 'multipart/form-data') {
    $parameters = $_POST;
} elseif ($json === 'yes' && $isA('application/json') && is_array(json_decode($body, true))) {
    $parameters = json_decode($body, true);
} elseif ($isA('application/x-www-form-urlencoded')) {
    $parameters = parse($body, $bodyPlus, $names);
}
if ($body === '' && $type !== 'multipart/form-data') {
    $parameters = $query;
} elseif ($replaces === 'no') {
    $parameters = array_merge($query, $parameters);
}
$claimed = $parameters['ApiSignature'] ?? '';
unset($parameters['ApiSignature'], $parameters['instance']);
$right = base64_encode(hash_hmac('sha256', http_build_query($parameters), getenv('SECRET'), true));
$accepted = is_string($claimed) && hash_equals($right, $claimed);
http_response_code($accepted ? 200 : 403);
header('Content-Type: application/json');
echo json_encode($accepted ? ['status' => 'success'] : ['status' => 'error', 'message' => 'The API secret is not correct.']);
