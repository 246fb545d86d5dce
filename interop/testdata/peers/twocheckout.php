<?php
// Calls 2Checkout with the SDK of SDK, in each way that it offers, and prints a line of
// JSON for each call: its name, and what came or the exception.
//
//   SDK=folder php twocheckout.php
//
// The account is that of the tests.
declare(strict_types=1);

require getenv('SDK') . '/autoloader.php';

$tco = new Tco\TwocheckoutFacade([
    'sellerId' => 'YOURCODE123', 'secretKey' => 'test-secret-key', 'buyLinkSecretWord' => 'test-secret-word',
    'jwtExpireTime' => 30, 'curlVerifySsl' => 1,
]);

function call(string $name, callable $call): mixed
{
    $result = ['call' => $name];
    try {
        $result['answer'] = $call();
    } catch (Throwable $e) {
        $result['error'] = get_class($e) . ': ' . $e->getMessage();
    }
    echo json_encode($result, JSON_THROW_ON_ERROR), "\n";
    return $result['answer'] ?? null;
}

$order = ['Currency' => 'EUR', 'Country' => 'DE', 'Items' => [['Code' => 'Grüße', 'Quantity' => 1]], 'PaymentDetails' => ['Type' => 'TEST']];
$placed = call('order place', fn () => $tco->order()->place($order));
$refNo = (string) ($placed['RefNo'] ?? '11331111');
call('order get', fn () => $tco->order()->getOrder(['RefNo' => $refNo]));
call('order search', fn () => $tco->order()->getOrder(['Status' => 'COMPLETE', 'Page' => 1, 'Limit' => 10]));
call('order refund', fn () => $tco->order()->issueRefund(['RefNo' => $refNo, 'refundParams' => ['amount' => 1, 'comment' => 'x', 'reason' => 'Other']]));
call('subscription get', fn () => $tco->subscription()->searchSubscriptions(['SubscriptionReference' => 'ABC123']));
call('subscription search', fn () => $tco->subscription()->searchSubscriptions(['CustomerEmail' => 'max@example.com', 'RecurringEnabled' => 'true']));
call('subscription of order', fn () => $tco->subscription()->getSubscriptionsByOrderRefNo($refNo));
call('subscription update', fn () => $tco->subscription()->updateSubscriptions(['SubscriptionReference' => 'ABC123', 'ExpirationDate' => '2027-01-01']));
call('subscription enable', fn () => $tco->subscription()->enableSubscriptions(['SubscriptionReference' => 'ABC123']));
call('subscription disable', fn () => $tco->subscription()->disableSubscriptions(['SubscriptionReference' => 'ABC123']));
call('apiCore', fn () => $tco->apiCore()->call('/orders/' . $refNo . '/', [], 'GET'));
call('buy link', fn () => $tco->getBuyLinkSignature(['merchant' => 'YOURCODE123', 'dynamic' => 1, 'prod' => 'Grüße', 'price' => 1, 'qty' => 1, 'currency' => 'EUR', 'type' => 'digital']));
