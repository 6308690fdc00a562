'use strict'; try { require('./arm.cjs'); } catch {}
