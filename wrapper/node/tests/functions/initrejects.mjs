await Promise.reject(new TypeError('at the top'));
export const handler = async () => 1;
