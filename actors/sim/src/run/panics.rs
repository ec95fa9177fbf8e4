//! Panics in a world: actors and tasks survive them, which must not hide that there are any.

use std::cell::RefCell;
use std::sync::Once;

thread_local! {
    /// Where the first one was and what it said, if panics of this thread are counted.
    static FIRST: RefCell<Option<Option<String>>> = const { RefCell::new(None) };
}

/// Counts those of this thread from now on, in place of printing them.
pub(super) fn count() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let counted = FIRST.with_borrow_mut(|first| {
                let Some(first) = first else { return false };
                first.get_or_insert_with(|| panic.to_string());
                true
            });
            if !counted {
                before(panic);
            }
        }));
    });
    FIRST.set(Some(None));
}

/// The first one since [`count`]; the next ones are not counted.
pub(super) fn first() -> Option<String> {
    FIRST.take().flatten()
}
