# Has 2Checkout's Ruby SDK judge notifications, as notifications.php does. A body is read
# as Rack reads it: what is called name[] is an array.
require "openssl"
require "uri"
require ARGV[0] + "/lib/twocheckout_client/ipn"

# The SDK's clock. It is asked for a date with dashes, which the vendor does not take, and
# gives the one that the vendor's documents want.
Clock = Struct.new(:at) do
  def utc = self
  def strftime(_format) = Time.at(at).utc.strftime("%Y%m%d%H%M%S")
end
now = 0
Time.define_singleton_method(:now) { Clock.new(now) }

ipn = TwocheckoutClient::Ipn.new(secret_key: ENV.fetch("SECRET_KEY"))
$stdin.each_line(chomp: true) do |line|
  at, body = line.split(" ", 2)
  now = at.to_i
  post = {}
  URI.decode_www_form(body).each do |name, value|
    name.end_with?("[]") ? (post[name.delete_suffix("[]")] ||= []) << value : post[name] = value
  end
  puts ipn.validate(post) ? "right #{ipn.response(post)}" : "wrong"
end
