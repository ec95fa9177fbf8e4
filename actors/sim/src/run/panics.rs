//! Panics in a world: actors and tasks survive them, which must not hide that there are any.

use std::cell::RefCell;
use std::sync::Once;

/// What is known of this thread's panics.
enum Panics {
    /// They are nobody's business here.
    NotCounted,
    /// There was none.
    None,
    /// Where the first one was and what it said.
    First(String),
}

thread_local! {
    static PANICS: RefCell<Panics> = const { RefCell::new(Panics::NotCounted) };
}

/// Counts those of this thread from now on, in place of printing them.
pub(super) fn count() {
    static HOOK: Once = Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let counted = PANICS.with_borrow_mut(|panics| match panics {
                Panics::NotCounted => false,
                Panics::None => {
                    *panics = Panics::First(panic.to_string());
                    true
                }
                Panics::First(_) => true,
            });
            if !counted {
                before(panic);
            }
        }));
    });
    PANICS.set(Panics::None);
}

/// The first one since [`count`]; the next ones are not counted.
pub(super) fn first() -> Option<String> {
    match PANICS.replace(Panics::NotCounted) {
        Panics::First(panic) => Some(panic),
        Panics::NotCounted | Panics::None => None,
    }
}
