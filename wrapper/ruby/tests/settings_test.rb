# frozen_string_literal: true

# Settings: what is taken, and what is refused with a word.

require_relative 'check'
AfterglowHook.part('guard')
AfterglowHook.part('settings')

DEFAULTS = { directory: '/tmp/afterglow', directory_bytes: 67_108_864, invocation_bytes: 16_777_216, body_bytes: 32_768, event_bytes: 65_536, header_bytes: 16_384 }.freeze

def read(env)
  settings = nil
  lines = said { settings = AfterglowHook::Settings.new(env) }
  [DEFAULTS.keys.to_h { |name| [name, settings.public_send(name)] }, lines.lines.size]
end

check('nothing is set') { equal([DEFAULTS, 0], read({})) }

{
  'a directory' => [{ 'AFTERGLOW_SPOOL_DIR' => '/tmp/elsewhere' }, { directory: '/tmp/elsewhere' }],
  'the least' => [{ 'AFTERGLOW_CAPTURE_BODY_BYTES' => '0' }, { body_bytes: 0 }],
  'the most' => [{ 'AFTERGLOW_CAPTURE_EVENT_BYTES' => '1048576' }, { event_bytes: 1 << 20 }],
  'blanks around' => [{ 'AFTERGLOW_CAPTURE_HEADER_BYTES' => " 5 \n" }, { header_bytes: 5 }],
  'empty' => [{ 'AFTERGLOW_CAPTURE_HEADER_BYTES' => '', 'AFTERGLOW_SPOOL_DIR' => '' }, {}]
}.each { |name, (env, want)| check(name) { equal([DEFAULTS.merge(want), 0], read(env)) } }

{
  'a relative directory' => %w[AFTERGLOW_SPOOL_DIR tmp], 'too much' => %w[AFTERGLOW_CAPTURE_BODY_BYTES 1048577], 'too little' => %w[AFTERGLOW_SPOOL_DIR_BYTES 5],
  'negative' => %w[AFTERGLOW_CAPTURE_BODY_BYTES -1], 'a fraction' => %w[AFTERGLOW_CAPTURE_BODY_BYTES 1.5], 'a unit' => %w[AFTERGLOW_SPOOL_INVOCATION_BYTES 1MB],
  'a word' => %w[AFTERGLOW_CAPTURE_EVENT_BYTES many], 'a number without end' => ['AFTERGLOW_CAPTURE_EVENT_BYTES', '9' * 100_000],
  'other digits' => ['AFTERGLOW_CAPTURE_EVENT_BYTES', "\u0661\u0662"], 'no UTF-8' => ['AFTERGLOW_CAPTURE_EVENT_BYTES', "\xff1"],
  'two lines' => ['AFTERGLOW_CAPTURE_EVENT_BYTES', "1\n2"], 'a level' => %w[AFTERGLOW_LOG_LEVEL loud]
}.each { |name, (variable, value)| check(name) { equal([DEFAULTS, 1], read(variable => value)) } }

check 'a level is in force for what follows' do
  equal([DEFAULTS, 0], read('AFTERGLOW_LOG_LEVEL' => ' ERROR ', 'AFTERGLOW_CAPTURE_BODY_BYTES' => 'x'))
end
