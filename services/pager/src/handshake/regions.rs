//! Which address has which page of the guest's memory.

use std::ops::Range;

use roost_schemas::snapshot::PAGE;
use serde::Deserialize;

/// A region as Firecracker describes it (`GuestRegionUffdMapping` in its `persist.rs`). Fields that later releases may
/// add are not looked at.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct Mapping {
    /// Where it is in the engine's address space.
    base_host_virt_addr: u64,
    /// Its bytes.
    size: u64,
    /// Where it begins in the guest's memory, as the manifest counts it, in bytes.
    offset: u64,
    /// Bytes of a page.
    page_size: Option<u64>,
    /// The same, whatever it is called: releases before 1.14 know no other.
    page_size_kib: Option<u64>,
}

/// Why regions cannot be served.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Unfit {
    #[error("it has no regions")]
    None,
    #[error("the region at {address:#x} has pages of {found:?} bytes instead of {PAGE}")]
    PageSize { address: u64, found: Option<u64> },
    #[error("the region at {address:#x} is empty or does not begin and end with pages")]
    Misaligned { address: u64 },
    #[error("the region at {address:#x} ends at byte {end} of a memory of {bytes}")]
    Outside { address: u64, end: u128, bytes: u64 },
    #[error("two regions have the same addresses or pages")]
    Overlap,
}

/// A region, in pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Region {
    /// The address of its first page.
    address: u64,
    /// Its first page.
    first: u64,
    /// Its pages.
    pages: u64,
}

impl Region {
    fn end_address(&self) -> u64 {
        self.address + self.pages * PAGE
    }

    fn end(&self) -> u64 {
        self.first + self.pages
    }
}

/// All regions, sorted by address, apart from each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Regions(Vec<Region>);

impl Regions {
    /// Checks `mappings` against a memory of `pages`.
    pub(super) fn new(mappings: &[Mapping], pages: u64) -> Result<Self, Unfit> {
        let regions = mappings.iter().map(|mapping| region(mapping, pages));
        let mut regions = regions.collect::<Result<Vec<_>, _>>()?;
        if regions.is_empty() {
            return Err(Unfit::None);
        }
        let apart = |regions: &[Region], start: fn(&Region) -> u64, end: fn(&Region) -> u64| {
            regions.windows(2).all(|pair| end(&pair[0]) <= start(&pair[1]))
        };
        regions.sort_unstable_by_key(|region| region.first);
        let pages_apart = apart(&regions, |region| region.first, Region::end);
        regions.sort_unstable_by_key(|region| region.address);
        if !pages_apart || !apart(&regions, |region| region.address, Region::end_address) {
            return Err(Unfit::Overlap);
        }
        Ok(Self(regions))
    }

    /// The page at `address`.
    pub(crate) fn page_at(&self, address: u64) -> Option<u64> {
        let at = self.0.partition_point(|region| region.end_address() <= address);
        let region = self.0.get(at).filter(|region| region.address <= address)?;
        Some(region.first + (address - region.address) / PAGE)
    }

    /// The address of `page`, and the page behind the last that follows it there.
    pub(crate) fn address_of(&self, page: u64) -> Option<(u64, u64)> {
        let within = |region: &&Region| (region.first..region.end()).contains(&page);
        let region = self.0.iter().find(within)?;
        Some((region.address + (page - region.first) * PAGE, region.end()))
    }

    /// The pages in a range of addresses, region by region.
    pub(crate) fn pages_in(&self, addresses: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        self.0.iter().filter_map(move |region| {
            let start = addresses.start.max(region.address);
            let end = addresses.end.min(region.end_address());
            let page = |address: u64| region.first + (address - region.address) / PAGE;
            (start < end).then(|| page(start)..page(end))
        })
    }
}

fn region(mapping: &Mapping, pages: u64) -> Result<Region, Unfit> {
    let Mapping {
        base_host_virt_addr: address,
        size,
        offset,
        page_size,
        page_size_kib,
    } = *mapping;
    let found = page_size.or(page_size_kib);
    let same = page_size_kib.is_none_or(|other| Some(other) == found);
    if found != Some(PAGE) || !same {
        return Err(Unfit::PageSize { address, found });
    }
    let aligned = [address, size, offset].iter().all(|number| number % PAGE == 0);
    if !aligned || size == 0 || address.checked_add(size).is_none() {
        return Err(Unfit::Misaligned { address });
    }
    let end = u128::from(offset) + u128::from(size);
    let bytes = pages * PAGE;
    if end > u128::from(bytes) {
        return Err(Unfit::Outside { address, end, bytes });
    }
    Ok(Region {
        address,
        first: offset / PAGE,
        pages: size / PAGE,
    })
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const BASE: u64 = 0x7f00_0000_0000;

    fn parse(json: &str) -> Result<Regions, Unfit> {
        let mappings: Vec<Mapping> = serde_json::from_str(json).unwrap();
        Regions::new(&mappings, 100)
    }

    fn mapping(address: u64, first: u64, pages: u64) -> Mapping {
        Mapping {
            base_host_virt_addr: address,
            size: pages * PAGE,
            offset: first * PAGE,
            page_size: Some(PAGE),
            page_size_kib: Some(PAGE),
        }
    }

    #[test]
    fn what_firecracker_sends_is_understood() {
        let regions = parse(&format!(
            r#"[{{"base_host_virt_addr":{BASE},"size":40960,"offset":0,"page_size":4096,"page_size_kib":4096}},
                {{"base_host_virt_addr":{},"size":8192,"offset":40960,"page_size_kib":4096}}]"#,
            BASE + 0x10_0000,
        ))
        .unwrap();
        assert_eq!(regions.page_at(BASE), Some(0));
        assert_eq!(regions.page_at(BASE + 40959), Some(9));
        assert_eq!(regions.page_at(BASE + 40960), None);
        assert_eq!(regions.page_at(BASE - 1), None);
        assert_eq!(regions.page_at(BASE + 0x10_1000), Some(11));
        assert_eq!(regions.page_at(u64::MAX), None);
        assert_eq!(regions.address_of(9), Some((BASE + 36864, 10)));
        assert_eq!(regions.address_of(10), Some((BASE + 0x10_0000, 12)));
        assert_eq!(regions.address_of(12), None);
        let all: Vec<_> = regions.pages_in(0..u64::MAX).collect();
        assert_eq!(all, [0..10, 10..12]);
        let mut some = regions.pages_in(BASE + 8192..BASE + 12288);
        assert_eq!((some.next(), some.next()), (Some(2..3), None));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let refused = |mappings: &[Mapping]| Regions::new(mappings, 100).unwrap_err();
        assert_eq!(refused(&[]), Unfit::None);
        let overlapping = [
            [mapping(BASE, 0, 10), mapping(BASE + 9 * PAGE, 10, 10)],
            [mapping(BASE, 0, 10), mapping(BASE + 20 * PAGE, 9, 10)],
            [mapping(BASE, 0, 10), mapping(BASE, 0, 10)],
        ];
        for pair in overlapping {
            assert_eq!(refused(&pair), Unfit::Overlap);
        }
        let misaligned = [
            mapping(BASE + 1, 0, 1),
            mapping(BASE, 0, 0),
            mapping(u64::MAX - PAGE + 1, 0, 1),
            Mapping {
                size: 100,
                ..mapping(BASE, 0, 1)
            },
            Mapping {
                offset: 512,
                ..mapping(BASE, 0, 1)
            },
        ];
        for one in misaligned {
            let address = one.base_host_virt_addr;
            assert_eq!(refused(&[one]), Unfit::Misaligned { address });
        }
        let outside = [
            mapping(BASE, 0, 101),
            mapping(BASE, 100, 1),
            Mapping {
                offset: u64::MAX - PAGE + 1,
                ..mapping(BASE, 0, 1)
            },
        ];
        for one in outside {
            assert!(matches!(refused(&[one]), Unfit::Outside { .. }));
        }
        for (size, kib) in [
            (None, None),
            (Some(2 << 20), None),
            (Some(PAGE), Some(4)),
            (None, Some(4)),
        ] {
            let one = Mapping {
                page_size: size,
                page_size_kib: kib,
                ..mapping(BASE, 0, 1)
            };
            assert!(matches!(refused(&[one]), Unfit::PageSize { .. }));
        }
    }

    /// Numbers that are near to what is right, or to where numbers end.
    fn number() -> impl Strategy<Value = u64> {
        let near = (0..40u64, -1..2i64).prop_map(|(pages, off)| (pages * PAGE).wrapping_add_signed(off));
        prop_oneof![
            6 => (0..40u64).prop_map(|pages| pages * PAGE),
            1 => near,
            1 => (0..3 * PAGE).prop_map(|back| u64::MAX - back),
            1 => any::<u64>(),
        ]
    }

    proptest! {
        #[test]
        fn whatever_is_told_is_refused_or_can_be_served(
            told in vec((number(), number(), number()), 0..5),
        ) {
            let mappings: Vec<Mapping> = told
                .into_iter()
                .map(|(address, size, offset)| Mapping {
                    base_host_virt_addr: address,
                    size,
                    offset,
                    page_size: Some(PAGE),
                    page_size_kib: None,
                })
                .collect();
            let Ok(regions) = Regions::new(&mappings, 30) else {
                return Ok(());
            };
            let all: Vec<u64> = regions.pages_in(0..u64::MAX).flatten().collect();
            let pages: u64 = mappings.iter().map(|mapping| mapping.size / PAGE).sum();
            prop_assert_eq!(all.len() as u64, pages);
            for page in all {
                prop_assert!(page < 30);
                let (address, end) = regions.address_of(page).unwrap();
                prop_assert!(page < end);
                prop_assert_eq!(regions.page_at(address), Some(page));
                prop_assert_eq!(regions.page_at(address + PAGE - 1), Some(page));
            }
        }
    }
}
