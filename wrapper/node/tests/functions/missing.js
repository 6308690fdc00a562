'use strict';
require('./nowhere');
