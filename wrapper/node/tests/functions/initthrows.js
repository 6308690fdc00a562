'use strict';
console.log('loading');
class ConfigError extends Error {
  name = 'ConfigError';
}
function load() {
  throw new ConfigError('TABLE is not set');
}
load();
