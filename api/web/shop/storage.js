// What is kept beyond a page. A browser may forbid that, or have no room for
// it: then it is kept for as long as the page is there.

function kept(storage) {
  const meanwhile = new Map(); // what the storage did not take
  return {
    get(key) {
      if (meanwhile.has(key)) return meanwhile.get(key);
      try {
        return storage().getItem(key);
      } catch {
        return null;
      }
    },
    set(key, value) {
      try {
        storage().setItem(key, value);
        meanwhile.delete(key);
      } catch {
        meanwhile.set(key, value);
      }
    },
    remove(key) {
      meanwhile.delete(key);
      try {
        storage().removeItem(key);
      } catch {
        // Nothing was ever kept.
      }
    },
  };
}

export const ofAllTabs = kept(() => localStorage);
export const ofThisTab = kept(() => sessionStorage);
