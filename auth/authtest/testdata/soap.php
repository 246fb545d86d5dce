<?php
// Logs in and calls with PHP's SoapClient, and prints what came as JSON:
//
//   URL=http://.../soap/6.0/ php soap.php wsdl|1.1|1.2
//
// The account is that of the tests.
declare(strict_types=1);

ini_set('soap.wsdl_cache_enabled', '0');
$options = ['location' => getenv('URL'), 'uri' => 'urn:gateway'];
$client = match ($argv[1]) {
    'wsdl' => new SoapClient(getenv('URL') . '?wsdl'),
    '1.1' => new SoapClient(null, $options),
    '1.2' => new SoapClient(null, $options + ['soap_version' => SOAP_1_2]),
};
$code = 'YOURCODE123';
$date = gmdate('Y-m-d H:i:s');
$session = $client->login($code, $date, hash_hmac('sha256', strlen($code) . $code . strlen($date) . $date, 'test-secret-key'), 'sha256');
$order = (object) ['Currency' => 'CHF', 'Items' => [['Code' => 'Grüße & <x>', 'Quantity' => 2], (object) ['Price' => 1.5]], 'Test' => true, 'Comment' => null];
try {
    $client->getOrder('another', '1');
    $fault = '';
} catch (SoapFault $e) {
    $fault = $e->faultcode . ': ' . $e->getMessage();
}
echo json_encode([
    'session' => strlen($session),
    'order' => $client->getOrder($session, '11331111'),
    'placed' => $client->placeOrder($session, $order),
    'two' => $client->placeOrder($session, ['a' => 1], [1, 'b']),
    'fault' => $fault,
], JSON_UNESCAPED_UNICODE | JSON_THROW_ON_ERROR);
