# frozen_string_literal: true

# JSON of whatever a function has.

require_relative 'check'
require 'json'
AfterglowHook.part('guard')
AfterglowHook.part('json')

MAKER = AfterglowHook::Json

{
  'plain' => ['text', 'text'], 'quotes' => ['"\\', '"\\'], 'control characters' => ["\0\n\x1f\x7f", "\0\n\x1f\x7f"], 'unicode' => ["ü\u2028\u{1f980}", "ü\u2028\u{1f980}"],
  'UTF-8 that says it is binary' => ['ü'.b, 'ü'], 'Latin-1' => ["Z\xfcrich".b, 'Zürich'], 'broken UTF-8' => ["a\xffb", "a\ufffdb"],
  'UTF-16' => ['ü'.encode('UTF-16LE'), 'ü'], 'an encoding that has more than Unicode' => ["\xff".dup.force_encoding('Windows-1252'), "\u00ff"]
}.each do |name, (text, want)|
  check(name) do
    made = MAKER.quote(text)
    equal([want, true, 1], [JSON.parse("[#{made}]").first, made.valid_encoding?, "#{made}\n".lines.size])
  end
end

check 'objects, lists and nothing' do
  value = { 'a' => [1, 2.5, nil, true, { 'b' => [] }], 'ü' => 'x' }
  equal(value, JSON.parse(MAKER.encode(value)))
end

check('members that are not known are left out') { equal(',"a":1,"c":false', MAKER.members('a' => 1, 'b' => nil, 'c' => false)) }

{ 'within' => ['abc', 3, 'abc'], 'between characters' => ['aü', 3, 'aü'], 'within a character' => ['aü', 2, 'a'], 'nothing' => ['ü', 1, ''] }
  .each { |name, (text, most, want)| check("cut #{name}") { equal(want, MAKER.cut(text, most)) } }

check 'libraries that change how JSON is made are not asked' do
  class String
    def to_json(*) = raise('asked')
  end
  class Hash
    def to_s = raise('asked')
  end
  equal('{"a":"b"}', MAKER.encode('a' => 'b'))
end
