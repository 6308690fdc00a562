# frozen_string_literal: true

# Large events made small, at a cost that does not grow with them.

require_relative 'check'
require 'json'
AfterglowHook.part('guard')
AfterglowHook.part('json')
AfterglowHook.part('shorten')

def short(value, budget = 65_536)
  JSON.parse("[#{AfterglowHook::Shorten.new(budget).shorten(value)}]").first
end

check('small values stay') { equal({ 'a' => [1, 2.5, true, nil, 'x'] }, short({ 'a' => [1, 2.5, true, nil, 'x'] })) }
check('long strings are cut') { equal('é' * 256, short('é' * 300)) }
check('long lists keep shorter strings') { equal(['x' * 128] * 21, short(['x' * 200] * 21)) }

check 'ids of the last of a hundred messages survive' do
  batch = { 'Records' => (1..100).map { |n| { 'messageId' => "id-#{n}", 'body' => 'b' * 5000 } } }
  equal((1..100).map { |n| "id-#{n}" }, short(batch)['Records'].map { |record| record['messageId'] })
end

check 'values and bytes are bounded' do
  holds(short((0..1_000_000).to_a).size <= 100, 'the list is long')
  holds(JSON.generate(short({ 'a' => [['x' * 200] * 90] * 90 }, 1000)).bytesize < 4000, 'it is beyond its budget')
  deep = 1
  100.times { deep = [deep] }
  equal(nil, short(deep).flatten.first)
end

check 'names that no member has' do
  equal({ 'a"b' => 1, 'é' => { 'a"b' => 2 } }, short({ 1 => 0, 'a"b' => 1, :symbol => 0, 'é' => { 'a"b' => 2 } }))
  equal([{}, {}], short([{}, { 1 => 2 }]))
end

check 'strings that are no UTF-8, and those of another encoding' do
  equal(['ü', 'ü', "\u0001"], short(["\xfc".b, 'ü'.encode('UTF-16LE'), "\u0001"]))
end

check 'numbers that JSON has no word for' do
  equal([nil, '1' + '0' * 255, nil], short([Float::NAN, 10**400, Float::INFINITY]))
end

check 'objects of the function are asked nothing' do
  hostile = Class.new(BasicObject) do
    def method_missing(*) = ::Kernel.raise('asked')
    def respond_to_missing?(*) = ::Kernel.raise('asked')
  end.new
  own = Class.new(Hash) { def each = raise('asked') }
  equal([nil, nil], short([hostile, own.new]))
end
