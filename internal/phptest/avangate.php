<?php
// Stands in for 2Checkout's three protocols, with PHP's built-ins only: a router
// for php -S, which serves one request at a time. /rest/ takes the header, /rpc/
// and /soap/ take sessions. SoapServer is given the WSDL that the environment
// names, if any, whose style is DOCUMENT=1 or rpc/encoded. Credentials are
// SECRET_KEY and MERCHANT_CODE. What happened is kept in the file STATE:
//
//   /ready         says that the server runs
//   /state         tells what happened
//   /end           ends all sessions
//   /skew?seconds  sets the clock that far ahead
declare(strict_types=1);
error_reporting(0);

function state(?callable $change = null): array
{
    $state = json_decode((string) file_get_contents(getenv('STATE')), true)
        ?? ['skew' => 0, 'sessions' => [], 'logins' => 0, 'refused' => 0, 'batches' => 0, 'calls' => []];
    if ($change !== null) {
        $change($state);
        file_put_contents(getenv('STATE'), json_encode($state));
    }
    return $state;
}

function now(): int
{
    return time() + (int) state()['skew'];
}

function answer(int $status, mixed $body): never
{
    http_response_code($status);
    header('Content-Type: application/json');
    echo json_encode($body, JSON_THROW_ON_ERROR);
    exit;
}

// Says whether code, date and hash are those of the account, and recent.
function known(string $code, string $date, string $hash, string $algo): bool
{
    $computed = hash_hmac($algo, strlen($code) . $code . strlen($date) . $date, getenv('SECRET_KEY'));
    return in_array($algo, ['sha256', 'sha3-256'], true)
        && $code === getenv('MERCHANT_CODE')
        && hash_equals($computed, $hash)
        && abs(now() - strtotime($date . ' UTC')) <= 60;
}

function rest(): never
{
    $ok = preg_match(
        '/^code="([^"]+)" date="([^"]+)" hash="([0-9a-f]+)" algo="(sha256|sha3-256)"$/',
        $_SERVER['HTTP_X_AVANGATE_AUTHENTICATION'] ?? '',
        $m,
    ) && known($m[1], $m[2], $m[3], $m[4]);
    if (!$ok) {
        state(function (&$s) { $s['refused']++; });
        answer(401, ['error_code' => 'AUTHENTICATION_ERROR', 'message' => 'refused']);
    }
    answer(200, ['algo' => $m[4]]);
}

// The methods. What they throw has JSON-RPC's code; SOAP makes a fault of it.
final class Gateway
{
    public function login($code, $date, $hash, $algo): string
    {
        if (!known((string) $code, (string) $date, (string) $hash, (string) $algo)) {
            state(function (&$s) { $s['refused']++; });
            throw new RuntimeException('AUTHENTICATION_FAILED', 10000);
        }
        $id = bin2hex(random_bytes(16));
        state(function (&$s) use ($id) {
            $s['logins']++;
            $s['sessions'][$id] = now() + 600;
        });
        return $id;
    }

    public function getOrder($session, $reference): string
    {
        if (!is_string($session) || (state()['sessions'][$session] ?? 0) <= now()) {
            throw new RuntimeException('FORBIDDEN', 10001);
        }
        state(function (&$s) use ($reference) { $s['calls'][] = $reference; });
        return 'order ' . $reference;
    }

    // Runs, and says that there is no such session, whatever session it is given.
    public function forbidden($session, $reference): never
    {
        state(function (&$s) use ($reference) { $s['calls'][] = $reference; });
        throw new RuntimeException('FORBIDDEN', 10001);
    }
}

// SoapServer calls this one for rpc/encoded, and without a WSDL.
final class Encoded
{
    public function __call(string $method, array $arguments): string
    {
        try {
            return (new Gateway())->$method(...$arguments);
        } catch (RuntimeException $e) {
            throw new SoapFault($e->getMessage(), 'refused');
        }
    }

    public function login($code, $date, $hash, $algo) { return $this->__call('login', func_get_args()); }
    public function getOrder($session, $reference) { return $this->__call('getOrder', func_get_args()); }
}

// SoapServer calls this one for document/literal.
final class Document
{
    public function login($p) { return ['return' => (new Encoded())->login($p->merchantCode, $p->date, $p->hash, $p->algo)]; }
    public function getOrder($p) { return ['return' => (new Encoded())->getOrder($p->sessionID, $p->orderReference)]; }
}

function soap(): never
{
    ini_set('soap.wsdl_cache_enabled', '0');
    $wsdl = getenv('WSDL') ?: null;
    if (isset($_GET['wsdl'])) {
        header('Content-Type: text/xml');
        readfile($wsdl);
        exit;
    }
    $server = new SoapServer($wsdl, $wsdl === null ? ['uri' => 'urn:gateway'] : []);
    $server->setClass(getenv('DOCUMENT') ? Document::class : Encoded::class);
    $server->handle();
    exit;
}

function perform(mixed $request): array
{
    $reply = ['jsonrpc' => '2.0', 'id' => $request->id ?? null];
    try {
        return $reply + ['result' => (new Gateway())->{$request->method}(...$request->params)];
    } catch (RuntimeException $e) {
        return $reply + ['error' => ['code' => $e->getCode(), 'message' => $e->getMessage()]];
    }
}

function rpc(): never
{
    $request = json_decode(file_get_contents('php://input'));
    if (!is_array($request)) {
        answer(200, perform($request));
    }
    state(function (&$s) { $s['batches']++; });
    answer(200, array_map('perform', $request));
}

header('Date: ' . gmdate('D, d M Y H:i:s', now()) . ' GMT');
$path = parse_url($_SERVER['REQUEST_URI'], PHP_URL_PATH);
match (true) {
    $path === '/ready' => answer(200, []),
    $path === '/state' => answer(200, state()),
    $path === '/end' => answer(200, state(function (&$s) { $s['sessions'] = []; })),
    $path === '/skew' => answer(200, state(function (&$s) { $s['skew'] = (int) $_SERVER['QUERY_STRING']; })),
    str_starts_with($path, '/rest/') => rest(),
    str_starts_with($path, '/rpc/') => rpc(),
    default => soap(),
};
