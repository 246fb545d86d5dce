// Has 2Checkout's Node SDK judge notifications, as notifications.php does. A body is read
// by qs, as Express reads it.
"use strict";
const fs = require("fs");
const sdk = process.argv[2];
const Ipn = require(sdk + "/lib/ipn.js");
const qs = require(require.resolve("qs", { paths: [sdk] }));

let now;
global.Date = class extends Date {
    constructor(...args) {
        super(...(args.length ? args : [now]));
    }
};

const ipn = new Ipn({ secretKey: process.env.SECRET_KEY });
for (const line of fs.readFileSync(0, "utf8").trimEnd().split("\n")) {
    const [at, body] = line.split(" ");
    now = 1000 * at;
    const post = qs.parse(body, { allowPrototypes: true });
    console.log(ipn.isValid(post) ? "right " + ipn.calculateIpnResponse(post) : "wrong");
}
