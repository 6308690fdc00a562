'use strict';
module.exports = { handler: async () => [require.main === undefined, typeof module.parent, __filename.endsWith('/common.cjs')] };
