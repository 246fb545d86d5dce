<?php
// Answers one IPN with the SDK, as its Examples/Controllers/Ipn/IpnCallback.php does: the
// body of the message is in the input, and PHP reads it as it reads a form.
$in = json_decode(stream_get_contents(STDIN), true);
require $in['sdk'] . '/autoloader.php';
parse_str($in['body'], $params);
$config = new \Tco\Source\TcoConfig(['sellerId' => 'YOURCODE123', 'secretKey' => $in['key'], 'buyLinkSecretWord' => '', 'jwtExpireTime' => 30, 'curlVerifySsl' => 1]);
$ipn = new \Tco\Source\Ipn\IpnSignature($config);
try {
    $valid = $in['trusting'] || $ipn->isIpnValid($params);
    $answer = ['status' => $valid ? 200 : 500, 'body' => $valid ? $ipn->calculateIpnResponse($params) : 'hash mismatch'];
} catch (\Throwable $e) {
    $answer = ['status' => 500, 'body' => get_class($e)];
}
echo json_encode($answer);
