<?php
// Has 2Checkout's PHP SDK judge notifications. Its folder is the argument, its key is in
// SECRET_KEY. Each line of the standard input is a time, in seconds, and a body; what is
// printed for it is "wrong", or "right" and the reply that the SDK makes at that time.

namespace Tco\Source\Ipn {
    // The SDK's clock: it asks for date(), and in its namespace this is it.
    function date($format)
    {
        return \gmdate($format, $GLOBALS['now']);
    }
}

namespace {
    require $argv[1] . '/src/Tco/Autoloader/Psr4AutoloaderClass.php';
    $loader = new Psr4AutoloaderClass();
    $loader->register();
    $loader->addNamespace('Tco', $argv[1] . '/src/Tco');

    $config = new Tco\Source\TcoConfig(['sellerId' => 'YOURCODE123', 'secretKey' => getenv('SECRET_KEY'), 'buyLinkSecretWord' => 'not used here']);
    $ipn = new Tco\Source\Ipn\IpnSignature($config);
    while (($line = fgets(STDIN)) !== false) {
        [$now, $body] = explode(' ', rtrim($line, "\n"), 2);
        $now = (int) $now;
        parse_str($body, $post); // as $_POST is read
        echo $ipn->isIpnValid($post) ? 'right ' . $ipn->calculateIpnResponse($post) : 'wrong', "\n";
    }
}
