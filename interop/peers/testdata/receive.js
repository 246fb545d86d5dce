// Answers one IPN with the SDK: the body of the message is in the input, and is read with
// qs, as express does. What it refuses it does not answer, as in the SDK's example.
const input = JSON.parse(require("fs").readFileSync(0));
const { createRequire } = require("module");
const qs = createRequire(input.sdk + "/")("qs");
const Ipn = require(input.sdk + "/lib/ipn.js");
const params = qs.parse(input.body, { arrayLimit: 1000, parameterLimit: 1000 });
const ipn = new Ipn({ secretKey: input.key });
let answer = { status: 0, body: "" };
try {
    if (input.trusting || ipn.isValid(params)) {
        answer = { status: 200, body: ipn.calculateIpnResponse(params) };
    }
} catch (e) {
    answer = { status: 500, body: String(e) };
}
process.stdout.write(JSON.stringify(answer));
