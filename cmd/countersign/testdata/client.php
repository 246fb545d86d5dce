<?php
// A client of the gateways that countersign serve plays, made of PHP's built-ins:
//
//   URL=http://... php client.php form|form-wire|rest|rest-sha3|rpc|soap|soap-wsdl
//
// It prints the answer. CAFILE is the certificate that is trusted. The accounts are
// those of the tests.
declare(strict_types=1);

function request(string $method, string $path, array $headers = [], string $body = ''): string
{
    $context = stream_context_create([
        'http' => ['method' => $method, 'header' => $headers, 'content' => $body, 'ignore_errors' => true],
        'ssl' => array_filter(['cafile' => getenv('CAFILE')]),
    ]);
    return file_get_contents(getenv('URL') . $path, false, $context);
}

// credentials returns the code, the date, the hash and its algorithm.
function credentials(string $algo): array
{
    $code = 'YOURCODE123';
    $date = gmdate('Y-m-d H:i:s');
    return [$code, $date, hash_hmac($algo, strlen($code) . $code . strlen($date) . $date, 'test-secret-key'), $algo];
}

function form(int $encoding): string
{
    $params = ['purpose' => 'Grüße a+b 100% ~', 'fields' => ['email' => ['value' => 'max@example.com']], 'pm' => ['visa', 'twint']];
    $params['ApiSignature'] = base64_encode(hash_hmac('sha256', http_build_query($params, '', '&', $encoding), 'test-secret-key', true));
    return request('POST', '/v1.0/Invoice/?instance=example', ['Content-Type: application/x-www-form-urlencoded'], http_build_query($params, '', '&', PHP_QUERY_RFC3986));
}

function rest(string $algo): string
{
    [$code, $date, $hash] = credentials($algo);
    return request('GET', '/rest/6.0/orders/11331111/', ["X-Avangate-Authentication: code=\"$code\" date=\"$date\" hash=\"$hash\" algo=\"$algo\"", 'Accept: application/json']);
}

function call(string $method, array $params): mixed
{
    $body = json_encode(['jsonrpc' => '2.0', 'method' => $method, 'params' => $params, 'id' => 1], JSON_THROW_ON_ERROR);
    return json_decode(request('POST', '/rpc/6.0/', ['Content-Type: application/json'], $body), true, 512, JSON_THROW_ON_ERROR)['result'];
}

function soap(?string $wsdl = null): mixed
{
    ini_set('soap.wsdl_cache_enabled', '0');
    $client = new SoapClient($wsdl, $wsdl === null ? ['location' => getenv('URL') . '/soap/6.0/', 'uri' => 'urn:gateway'] : []);
    return $client->getOrder($client->login(...credentials('sha256')), '11331111');
}

echo match ($argv[1]) {
    'form' => form(PHP_QUERY_RFC1738),
    'form-wire' => form(PHP_QUERY_RFC3986),
    'rest' => rest('sha256'),
    'rest-sha3' => rest('sha3-256'),
    'rpc' => json_encode(call('getOrder', [call('login', credentials('sha256')), '11331111'])),
    'soap' => json_encode(soap()),
    'soap-wsdl' => json_encode(soap(getenv('URL') . '/soap/6.0/?wsdl')),
};
