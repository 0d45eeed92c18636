// What is kept beyond a page. A browser may forbid that, or have no room for
// it: then it is kept for as long as the page is there.

function kept(storage) {
  const meanwhile = new Map(); // what the storage did not take, and what it held instead
  const held = (key) => {
    try {
      return storage().getItem(key);
    } catch {
      return null;
    }
  };
  return {
    get(key) {
      const instead = held(key);
      if (meanwhile.get(key)?.instead === instead) return meanwhile.get(key).value;
      meanwhile.delete(key); // another tab has written since
      return instead;
    },
    set(key, value) {
      try {
        storage().setItem(key, value);
        meanwhile.delete(key);
      } catch {
        meanwhile.set(key, { value, instead: held(key) });
      }
    },
  };
}

export const ofAllTabs = kept(() => localStorage);
export const ofThisTab = kept(() => sessionStorage);
