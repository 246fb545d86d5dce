// Calls 2Checkout with the SDK of SDK, in each way that it offers, and prints a line of
// JSON for each call: its name, and what came or the exception.
//
//   SDK=folder ADDRESS=127.0.0.1:8443 node twocheckout.js
//
// The SDK's client has no proxy, so https's agent, which it takes as it is, is told
// where to connect. The account is that of the tests.
"use strict";
const https = require("node:https");
const tls = require("node:tls");

const [host, port] = process.env.ADDRESS.split(":");
https.globalAgent.createConnection = (options) => tls.connect({ ...options, host, port });

const Twocheckout = require(process.env.SDK);
const tco = new Twocheckout({ sellerId: "YOURCODE123", secretKey: "test-secret-key", secretWord: "test-secret-word", jwtExpireTime: 30 });

async function call(name, call) {
    const result = { call: name };
    try {
        result.answer = await call();
    } catch (e) {
        result.error = `${e.name} ${e.code}: ${e.message}`;
    }
    console.log(JSON.stringify(result));
    return result.answer;
}

const order = { Currency: "EUR", Country: "DE", Items: [{ Code: "Grüße", Quantity: 1 }], PaymentDetails: { Type: "TEST" } };
const link = { merchant: "YOURCODE123", dynamic: 1, prod: "Grüße", price: 1, qty: 1, currency: "EUR", type: "digital" };

(async () => {
    const placed = await call("order create", () => tco.order().create(order));
    const RefNo = String((placed && placed.RefNo) || "11331111");
    await call("order retrieve", () => tco.order().retrieve({ RefNo }));
    await call("order search", () => tco.order().retrieve({ Status: "COMPLETE", Page: 1 }));
    await call("subscription retrieve", () => tco.subscription().retrieve({ subRefId: "ABC123" }));
    await call("subscription search", () => tco.subscription().retrieve({ subParams: { CustomerEmail: "max@example.com" } }));
    await call("subscription of order", () => tco.subscription().getSubscriptionsByOrderRefNo(RefNo));
    await call("subscription update", () => tco.subscription().update({ subRefId: "ABC123", subParams: { ExpirationDate: "2027-01-01" } }));
    await call("subscription enable", () => tco.subscription().enable({ subRefId: "ABC123" }));
    await call("subscription disable", () => tco.subscription().disable({ subRefId: "ABC123" }));
    await call("buy link", () => tco.generateBuyLinkSignature(link));
    await call("callback", () => new Promise((resolve, reject) => tco.order().retrieve({ RefNo }, (error, answer) => (error ? reject(error) : resolve(answer)))));
})();
