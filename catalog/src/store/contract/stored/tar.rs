//! A folder as one file and back: gzip over tar in the ustar form, as any tool unpacks it. Files only, of short names.

use std::io::{Read as _, Write as _};
use std::path::Path;

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;

const BLOCK: usize = 512;

/// Packs the files below a folder, in order of their paths.
pub(super) fn pack(folder: &Path) -> Vec<u8> {
    let mut files = Vec::new();
    list(folder, "", &mut files);
    files.sort();
    let mut out = GzEncoder::new(Vec::new(), Compression::best());
    for name in files {
        let bytes = std::fs::read(folder.join(&name)).unwrap();
        out.write_all(&head(&name, bytes.len())).unwrap();
        out.write_all(&bytes).unwrap();
        out.write_all(&vec![0; bytes.len().next_multiple_of(BLOCK) - bytes.len()])
            .unwrap();
    }
    out.write_all(&[0; 2 * BLOCK]).unwrap();
    out.finish().unwrap()
}

fn list(folder: &Path, prefix: &str, files: &mut Vec<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = format!("{prefix}{}", entry.file_name().into_string().unwrap());
        if entry.file_type().unwrap().is_dir() {
            list(&entry.path(), &format!("{name}/"), files);
        } else {
            files.push(name);
        }
    }
}

fn head(name: &str, length: usize) -> [u8; BLOCK] {
    assert!(name.len() < 100, "{name}");
    let mut head = [0; BLOCK];
    let mut put = |at: usize, text: &str| head[at..at + text.len()].copy_from_slice(text.as_bytes());
    put(0, name);
    put(100, "0000644\0");
    put(108, "0000000\0");
    put(116, "0000000\0");
    put(124, &format!("{length:011o}\0"));
    put(136, "00000000000\0");
    put(148, "        ");
    put(156, "0");
    put(257, "ustar\x0000");
    let sum: u32 = head.iter().map(|byte| u32::from(*byte)).sum();
    head[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    head
}

/// Unpacks into a folder.
pub(super) fn unpack(packed: &[u8], folder: &Path) {
    let mut tar = Vec::new();
    GzDecoder::new(packed).read_to_end(&mut tar).unwrap();
    let mut rest = tar.as_slice();
    loop {
        let (head, after) = rest.split_at(BLOCK);
        if head[0] == 0 {
            return;
        }
        let text = |from: usize, to: usize| {
            let bytes = head[from..to].split(|byte| *byte == 0).next().unwrap();
            std::str::from_utf8(bytes).unwrap().to_owned()
        };
        let length = usize::from_str_radix(text(124, 136).trim(), 8).unwrap();
        let path = folder.join(text(0, 100));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, &after[..length]).unwrap();
        rest = &after[length.next_multiple_of(BLOCK)..];
    }
}
