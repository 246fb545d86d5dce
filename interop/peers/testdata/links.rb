# Lets 2Checkout's Ruby SDK have links signed and make tokens, as links.php does. Its
# connection is replaced by one to the test's endpoint.
require "json"
require "uri"
input = JSON.parse($stdin.read)
$LOAD_PATH.unshift(input["sdk"] + "/lib")
require "twocheckout_client"

ENDPOINT = URI(input["endpoint"])
class TwocheckoutClient::Api
  def create_connection(_host)
    Net::HTTP.new(ENDPOINT.host, ENDPOINT.port)
  end
end

client = TwocheckoutClient::Client.new(merchant_code: input["merchantCode"], secret_word: input["secretWord"], secret_key: "not used here")
queries = input["links"].map do |pairs|
  parameters = pairs.to_h
  parameters["signature"] = client.signature.generate(parameters).data[:signature]
  URI.encode_www_form(parameters)
end
claims, header = JWT.decode(input["token"], input["secretWord"], true, algorithm: "HS512", verify_iat: true)
token = JWT.encode(claims, input["secretWord"], "HS512", header)
puts JSON.generate(queries: queries, token: token)
