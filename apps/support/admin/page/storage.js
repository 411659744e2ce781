// Browsers may forbid storage: the page then works without remembering.

export function recall(storage, key) {
  try {
    return storage.getItem(key);
  } catch {
    return null;
  }
}

export function remember(storage, key, value) {
  try {
    if (value === null) storage.removeItem(key);
    else storage.setItem(key, value);
  } catch {
    // Nothing to do.
  }
}
