<?php
// Calls a gateway of the Payrexx family with the SDK of SDK, in each way that it
// offers, and prints a line of JSON for each call: the model, the method, the class of
// what came, and the exception if there was one.
//
//   SDK=folder DOMAIN=localhost:8443 php payrexx.php
//
// GUZZLE=autoload.php has it send with Guzzle, which the newer one offers beside curl.
// The account is that of the tests.
declare(strict_types=1);

spl_autoload_register(function (string $class): void {
    $file = getenv('SDK') . '/lib/' . str_replace('\\', '/', $class) . '.php';
    if (is_file($file)) {
        require $file;
    }
});

$offered = [
    'SignatureCheck' => ['getOne'],
    'AuthToken' => ['create'],
    'Bill' => ['create', 'getOne', 'getAll', 'update', 'delete'],
    'Design' => ['create', 'getOne', 'getAll', 'update', 'delete'],
    'Gateway' => ['create', 'getOne', 'delete'],
    'Invoice' => ['create', 'getOne', 'getAll', 'delete'],
    'Page' => ['create', 'getOne', 'getAll', 'delete'],
    'PaymentMethod' => ['getAll', 'getOne'],
    'PaymentProvider' => ['getAll'],
    'Payout' => ['create', 'getAll', 'details'],
    'QrCode' => ['create', 'getOne', 'delete'],
    'QrCodeScan' => ['create', 'delete'],
    'Subscription' => ['create', 'update', 'getOne', 'getAll', 'cancel'],
    'Transaction' => ['create', 'getOne', 'getAll', 'charge', 'preAuthorize', 'capture', 'refund', 'receipt', 'cancel'],
];

// ids are those of what is not created here.
$ids = ['PaymentMethod' => 'visa'];

$image = tempnam(sys_get_temp_dir(), 'peer');
file_put_contents($image, "\x89PNG\r\n\x1a\n" . random_bytes(500));

// values are those of setters without a type, which want another than a text.
$values = [
    'setAmount' => 200, 'setVatRate' => 7.7, 'setPsp' => [44, 36], 'setPm' => ['visa', 'twint'], 'setPreAuthorization' => true,
    'setReservation' => false, 'setSkipResultPage' => true, 'setChargeOnAuthorization' => false, 'setValidity' => 15,
    'setSubscriptionState' => true, 'setSuccessMessage' => [1 => 'Danke', 2 => 'Thanks'], 'setButtonText' => [1 => 'Zahlen', 2 => 'Pay'],
    'setPaymentMethods' => ['visa'], 'setActivePaymentMethods' => ['visa'], 'setUserId' => 1,
];

// fill calls the setters of a model that a method takes, each with a value of its type.
function fill(object $model, string $method, string $image): object
{
    global $values;
    foreach ((new ReflectionClass($model))->getMethods(ReflectionMethod::IS_PUBLIC) as $setter) {
        $name = $setter->getName();
        // The last becomes a list, which curl sends without its bracket beside an image.
        if (!str_starts_with($name, 'set') || in_array($name, ['setId', 'setUuid', 'setHeaderImageCustomLink'], true)) {
            continue;
        }
        if (($method === 'getAll') !== (bool) preg_match('/^set(Filter|OrderBy|Offset|Limit)/', $name)) {
            continue;
        }
        $type = $setter->getParameters()[0]->getType();
        $kind = $type instanceof ReflectionNamedType ? $type->getName() : '';
        $model->$name(match (true) {
            str_ends_with($name, 'Image') => new CURLFile($image, 'image/png', 'image.png'),
            $name === 'setOffset' => 0,
            $kind === 'int' => 3,
            $kind === 'float' => 7.7,
            $kind === 'bool' => true,
            $kind === 'array' => $values[$name] ?? [['name' => 'Grüße a+b', 'amount' => 200], ['name' => '100% ~', 'amount' => 1]],
            $kind === 'DateTime' => new DateTime('2026-11-28 12:00:00'),
            $kind !== 'string' && isset($values[$name]) => $values[$name],
            default => "Grüße a+b 100% ~ $name",
        });
    }
    if ($method !== 'getAll' && method_exists($model, 'addField')) {
        $last = (new ReflectionMethod($model, 'addField'))->getParameters()[1]->getName() === 'mandatory';
        $last ? $model->addField('email', true, 'max@example.com', 'E-Mail') : $model->addField('email', 'max@example.com', []);
    }
    return $model;
}

$handler = '';
if (getenv('GUZZLE')) {
    require getenv('GUZZLE');
    $handler = '\Payrexx\CommunicationAdapter\GuzzleCommunication';
}
$payrexx = new Payrexx\Payrexx('example', 'test-secret-key', $handler, getenv('DOMAIN'));
foreach ($offered as $name => $methods) {
    $class = "Payrexx\\Models\\Request\\$name";
    if (!class_exists($class)) {
        continue; // Bill, in the older one
    }
    $id = $ids[$name] ?? null;
    foreach ($methods as $method) {
        $model = new $class();
        if ($method !== 'getOne' && $method !== 'delete') {
            fill($model, $method, $image);
        }
        if ($id !== null && $method !== 'create' && $method !== 'getAll') {
            $model->setId($id);
        }
        $result = ['model' => $name, 'method' => $method];
        try {
            $answer = $payrexx->$method($model);
            $first = is_array($answer) ? $answer[0] ?? null : $answer;
            $result['class'] = is_object($first) ? get_class($first) : gettype($answer);
            if ($method === 'create' && is_object($first)) {
                $id = $first->getId();
                $result['id'] = $id;
            }
        } catch (Throwable $e) {
            $result['error'] = get_class($e) . ': ' . $e->getMessage();
        }
        echo json_encode($result, JSON_THROW_ON_ERROR), "\n";
    }
}
unlink($image);
