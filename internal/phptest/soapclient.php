<?php
// Calls getOrder with PHP's SoapClient at LOCATION, once for each of the
// arguments, and prints what it returns, or the fault's code, as a JSON array.
// SESSION is the session id; WSDL, VERSION (1 or 2) and DOCUMENT=1 say how it
// calls. Without a LOCATION it sends nothing and prints the envelopes.
declare(strict_types=1);

final class Client extends SoapClient
{
    public array $envelopes = [];

    public function __doRequest(string $request, string $location, string $action, int $version, bool $oneWay = false): ?string
    {
        if (getenv('LOCATION')) {
            return parent::__doRequest($request, $location, $action, $version, $oneWay);
        }
        $this->envelopes[] = [$request, $action];
        return '';
    }
}

ini_set('soap.wsdl_cache_enabled', '0');
$wsdl = getenv('WSDL') ?: null;
$client = new Client($wsdl, [
    'location' => getenv('LOCATION') ?: 'http://nowhere.invalid/soap/6.0/',
    'soap_version' => (int) getenv('VERSION'),
    'exceptions' => (bool) getenv('LOCATION'),
] + ($wsdl === null ? ['uri' => 'urn:gateway'] : []));
$session = getenv('SESSION');
$out = [];
foreach (array_slice($argv, 1) as $reference) {
    try {
        $out[] = getenv('DOCUMENT')
            ? $client->getOrder(['sessionID' => $session, 'orderReference' => $reference])?->return
            : $client->getOrder($session, $reference);
    } catch (SoapFault $e) {
        $out[] = 'fault ' . $e->faultcode . ' ' . $e->getMessage();
    }
}
echo json_encode(getenv('LOCATION') ? $out : $client->envelopes, JSON_THROW_ON_ERROR);
