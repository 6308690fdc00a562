# frozen_string_literal: true

# The way in: what is touched, and when. Each is a Ruby of its own, as it is started with RUBYOPT.

require_relative 'check'
require 'open3'
require 'rbconfig'

START = File.expand_path('../start.rb', __dir__)
RUBY = ENV.fetch('RUBY_UNDER_TEST', RbConfig.ruby)

# Gives what a program prints to both outputs, with the hook before it.
def program(code, env = {})
  out, status = Open3.capture2e({ 'AFTERGLOW_DISABLED' => nil, 'RUBYOPT' => "-r#{START}" }.merge(env), RUBY, '-e', code)
  holds(status.success?, out)
  out
end

PARTS = 'print(Object.const_defined?(:AfterglowHook, false) ? Object.class_eval { AfterglowHook.constants.sort.join(" ") } : "nothing")'
CLIENT = <<~RUBY
  class RapidClient
    def next_invocation = nil
    def send_response(request_id, response_object, content_type) = nil
    def send_error_response(request_id, error_object, error, xray_cause) = nil
    def send_init_error(error_object, error) = nil
  end
RUBY

%w[1 true TRUE].push(' true ').each do |value|
  check "disabled by #{value.inspect}: nothing is loaded, watched or written" do
    Dir.mktmpdir do |directory|
      env = { 'AFTERGLOW_DISABLED' => value, 'AFTERGLOW_SPOOL_DIR' => "#{directory}/spool" }
      equal('AWAITED HERE LAST PARTS Waiting', program("require 'net/http'; #{CLIENT}; #{PARTS}", env))
      equal(false, File.exist?("#{directory}/spool"))
    end
  end
end

check 'not disabled by other words' do
  holds(program("require 'net/http'; #{PARTS}", 'AFTERGLOW_DISABLED' => 'no').include?('NetHTTP'), 'it was')
end

check 'nothing is loaded before there is something to look into' do
  equal('AWAITED HERE LAST PARTS Waiting', program(PARTS))
end

check 'a library that was there first is found' do
  holds(program(PARTS, 'RUBYOPT' => "-rnet/http -r#{START}").include?('NetHTTP'), 'it was not')
end

check 'the constant and the file are not to be seen' do
  equal('nil false', program('require "net/http"; print defined?(Object::AfterglowHook).inspect, " ", $LOADED_FEATURES.any? { |file| file.end_with?("/wrapper/ruby/start.rb", "/guard.rb") }'))
end

check 'options of the function stay, and count' do
  equal("nil -W0 -r#{START}", program('print $VERBOSE.inspect, " ", ENV["RUBYOPT"]', 'RUBYOPT' => "-W0 -r#{START}"))
end

check 'a client that is not as expected is left alone, with a word' do
  equal('', program('class RapidClient; def next_invocation = 5; end; RapidClient.new.next_invocation')[/\A(?!afterglow: ruby hook: this runtime client has no send_response).*/].to_s)
end

check 'a Net::HTTP that is not as expected is left alone, with a word' do
  holds(program('require "socket"; module Net; class BufferedIO; end; class HTTP; def request(req) = 5; end; end; print Net::HTTP.new.request(1)')
    .match?(/\Aafterglow: ruby hook: Net::HTTP has no .* as expected; its requests are not seen\n5\z/), 'it was')
end

check 'a runtime is announced, an ordinary program is not' do
  Dir.mktmpdir do |directory|
    env = { 'AFTERGLOW_SPOOL_DIR' => "#{directory}/spool" }
    program('require "net/http"', env)
    equal(false, File.exist?("#{directory}/spool"))
    program(CLIENT, env)
    equal(1, Dir.glob("#{directory}/spool/init.*.1.done").size)
  end
end

check 'the numbers of descriptors are as they were' do
  equal(program('print IO.sysopen("/dev/null")', 'RUBYOPT' => ''), program("require 'net/http'; #{CLIENT}; print IO.sysopen('/dev/null')"))
end
