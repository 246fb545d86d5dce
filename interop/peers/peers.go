// Package peers compares Countersign with the vendors' own SDKs, run as they were
// published. They are not in this repository: the tests take the folder that
// COUNTERSIGN_PEERS names, with an SDK in each of its folders, and are skipped where it
// is not set.
//
//	2checkout-php-sdk   github.com/2Checkout/2checkout-php-sdk, with PHP's curl
//	2checkout-node-sdk  github.com/2Checkout/2checkout-node-sdk, with npm install run in it,
//	                    and, to receive notifications as express does, npm install qs
//	2checkout-ruby-sdk  github.com/2Checkout/2checkout-ruby-sdk, with the gem jwt
//
// None of these signs a buy link by itself: each sends the link's parameters to the
// vendor's signature endpoint, with a merchant token, which it makes. The tests stand in
// for the endpoint.
//
// The first two receive notifications, too. What they make of their values is known, and
// the tests say which mistake `countersign send ipn` names for it.
package peers
