// Lets 2Checkout's Node SDK have links signed and make tokens, as links.php does. Its
// HTTP client is replaced by one that sends to the test's endpoint.
"use strict";
const Module = require("module");
const fs = require("fs");
const input = JSON.parse(fs.readFileSync(0, "utf8"));

const got = async (path, options) => {
    const response = await fetch(input.endpoint, { method: options.method, headers: options.headers, body: options.body });
    return { body: await response.json() };
};
const load = Module._load;
Module._load = (name, ...rest) => (name === "got" ? got : load(name, ...rest));

const Signature = require(input.sdk + "/lib/buy-link-signature.js");
const jwt = require(require.resolve("jsonwebtoken", { paths: [input.sdk + "/lib"] }));

(async () => {
    const queries = [];
    for (const pairs of input.links) {
        const parameters = Object.fromEntries(pairs);
        const signature = new Signature({ sellerId: input.merchantCode, secretWord: input.secretWord, jwtExpireTime: 20 });
        parameters.signature = (await signature.generateSignature(parameters)).signature;
        queries.push(new URLSearchParams(parameters).toString());
    }
    const claims = jwt.verify(input.token, input.secretWord, { algorithms: ["HS512"] });
    const token = jwt.sign(claims, input.secretWord, { algorithm: "HS512" });
    console.log(JSON.stringify({ queries, token }));
})();
