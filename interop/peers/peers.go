// Package peers compares Countersign with the vendors' own SDKs, run as they were
// published. They are not in this repository: the tests take the folder that
// COUNTERSIGN_PEERS names, with an SDK in each of its folders, and are skipped where it
// is not set.
//
//	2checkout-php-sdk   github.com/2Checkout/2checkout-php-sdk, with PHP's curl
//	2checkout-node-sdk  github.com/2Checkout/2checkout-node-sdk, with npm install run in it,
//	                    and, to receive notifications as express does, npm install qs
//	2checkout-ruby-sdk  github.com/2Checkout/2checkout-ruby-sdk, with the gem jwt
//	2checkout-java-sdk  github.com/2Checkout/2checkout-java-sdk, with Debian's liblombok-java
//
// All of them receive notifications. For each there is a class of messages that it reads
// as they are meant; in that class it and package webhook/ipn agree. npm fetches what the
// one for Node needs for that, and qs, which reads the body for it.
//
// None of them signs a buy link by itself: each sends the link's parameters to the
// vendor's signature endpoint, with a merchant token, which it makes; the one for Java
// needs a library for it that Debian does not have, and is not tried. The tests stand in
// for the endpoint.
//
// The first two receive notifications, too. What they make of their values is known, and
// the tests say which mistake `countersign send ipn` names for it.
package peers
