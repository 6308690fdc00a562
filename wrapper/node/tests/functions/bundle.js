'use strict';
// The shape that esbuild gives to a bundle: exports are getters that cannot be redefined.
var __defProp = Object.defineProperty;
var entry = {};
__defProp(entry, '__esModule', { value: true });
__defProp(entry, 'handler', { get: () => handler, enumerable: true });
module.exports = entry;
var handler = async () => {
  const { configurable } = Object.getOwnPropertyDescriptor(module.exports, 'handler');
  return [handler.length, configurable];
};
