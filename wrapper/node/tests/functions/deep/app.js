'use strict';
exports.handler = async () => module.paths.length > 0;
