# Calls 2Checkout with the SDK of SDK, in each way that it offers, and prints a line of
# JSON for each call: its name, and what came or the exception.
#
#   SDK=folder ruby twocheckout.rb
#
# The account is that of the tests.
$LOAD_PATH.unshift(File.join(ENV["SDK"], "lib"))
require "twocheckout_client"
require "openssl"

client = TwocheckoutClient::Client.new(merchant_code: "YOURCODE123", secret_key: "test-secret-key", secret_word: "test-secret-word")

def call(name)
  result = { call: name }
  begin
    answer = yield
    result[:status] = answer.http_status
    result[:answer] = answer.data
  rescue StandardError => e
    result[:error] = "#{e.class}: #{e.message}"
  end
  puts JSON.generate(result)
  result[:answer]
end

order = { Currency: "EUR", Country: "DE", Items: [{ Code: "Grüße", Quantity: 1 }], PaymentDetails: { Type: "TEST" } }
placed = call("order create") { client.order.create(order) }
ref_no = (placed && placed[:RefNo] || "11331111").to_s
call("order get") { client.order.get(ref_no) }
call("api get") { client.api.request(:get, "subscriptions/ABC123") }
call("api put") { client.api.request(:put, "subscriptions/ABC123", { ExpirationDate: "2027-01-01" }) }
call("api delete") { client.api.request(:delete, "subscriptions/ABC123") }
call("buy link") do
  client.signature.generate({ merchant: "YOURCODE123", dynamic: 1, prod: "Grüße", price: 1, qty: 1, currency: "EUR", type: "digital" })
end
