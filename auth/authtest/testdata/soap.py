# Logs in and calls with zeep, and prints what came as JSON:
#
#   URL=http://.../soap/6.0/ python3 soap.py
#
# The account is that of the tests.
import datetime
import hashlib
import hmac
import json
import os

import zeep
import zeep.helpers

client = zeep.Client(os.environ["URL"] + "?wsdl")
code = "YOURCODE123"
date = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S")
text = f"{len(code)}{code}{len(date)}{date}"
hash = hmac.new(b"test-secret-key", text.encode(), hashlib.sha256).hexdigest()
session = client.service.login(code, date, hash, "sha256")
try:
    client.service.getOrder("another", "1")
    fault = ""
except zeep.exceptions.Fault as e:
    fault = f"{e.code}: {e.message}"
print(json.dumps({
    "session": len(session),
    "order": zeep.helpers.serialize_object(client.service.getOrder(session, "11331111")),
    "named": zeep.helpers.serialize_object(client.service.getOrder(sessionID=session, orderReference="Grüße & <x>")),
    "none": zeep.helpers.serialize_object(client.service.getAllLanguages(session)),
    "fault": fault,
}))
