# frozen_string_literal: true

# Writes the records of the spool's vectors with the hook's own writer, for Go's reader to compare.

require 'base64'
require 'json'

ENV['AFTERGLOW_DISABLED'] = 'true'
require_relative '../start'
AfterglowHook.part('guard')
AfterglowHook.part('settings')
AfterglowHook.part('spool')

manifest, directory = ARGV
JSON.parse(File.read(manifest, encoding: 'UTF-8')).each do |vector|
  settings = AfterglowHook::Settings.new('AFTERGLOW_SPOOL_DIR' => File.join(directory, vector['name']))
  spool = AfterglowHook::Spool.new(settings, 'vector')
  spool.begin('vector')
  vector['records'].each do |record|
    header = record['header'].reject { |name, _| %w[kind inv t].include?(name) }
    body = Base64.decode64(record['body'] || '')
    bodies = (header['parts'] || []).map { |part| body.slice!(0, part['len']) }
    spool.record(record['header']['kind'], record['header']['inv'], AfterglowHook::Json.members(header), bodies)
  end
  spool.end
end
