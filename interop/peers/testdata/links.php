<?php
// Lets 2Checkout's PHP SDK have links signed and make tokens. The standard input has
// {sdk, endpoint, merchantCode, secretWord, links, token}; what is printed has the
// query of each link, and the token made again of its own header and claims.
error_reporting(E_ALL & ~E_DEPRECATED);
$in = json_decode(stream_get_contents(STDIN), true);
require $in['sdk'] . '/src/Tco/Autoloader/Psr4AutoloaderClass.php';
$loader = new Psr4AutoloaderClass();
$loader->register();
$loader->addNamespace('Tco', $in['sdk'] . '/src/Tco');

final class Config extends Tco\Source\TcoConfig
{
    public static string $endpoint;

    public function getApiEndpoints()
    {
        return ['buyLink' => self::$endpoint];
    }
}

Config::$endpoint = $in['endpoint'];
$config = new Config(['sellerId' => $in['merchantCode'], 'secretKey' => 'not used here', 'buyLinkSecretWord' => $in['secretWord']]);
$queries = [];
foreach ($in['links'] as $pairs) {
    $parameters = array_column($pairs, 1, 0);
    $parameters['signature'] = (new Tco\Source\BuyLinkSignature\BuyLinkSignatureGenerator($config))->generateSignature($parameters);
    $queries[] = http_build_query($parameters);
}
$encoder = new Tco\Source\BuyLinkSignature\Jwt\Encoder\EncodeHS512();
[$header, $claims] = array_map(
    fn ($part) => json_decode(base64_decode($encoder->toBase64($part)), true),
    explode('.', $in['token']),
);
$token = $encoder->encode($header) . '.' . $encoder->encode($claims) . '.' . $encoder->generateSignature($header, $claims, $in['secretWord']);
echo json_encode(['queries' => $queries, 'token' => $token], JSON_THROW_ON_ERROR);
