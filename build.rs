//! Makes cargo compile the program again when the files of the web page change: it embeds them, and
//! cargo does not see a new file of a folder by itself.

fn main() {
    println!("cargo:rerun-if-changed=ui/dist");
}
