//! A browser's translation of a page, as a script in it.

/// Replaces every text node, now and later, by what `replacement` makes of its text.
pub fn script(replacement: &str) -> String {
    format!(
        "(() => {{ \
            const done = new WeakSet(); \
            const replacement = (text) => {{ const node = new Text(text); done.add(node); {replacement} }}; \
            const translate = (root) => {{ \
                const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT); \
                const found = []; \
                for (let node = walker.currentNode; node; node = walker.nextNode()) found.push(node); \
                for (const node of found) {{ \
                    if (node.nodeType !== Node.TEXT_NODE || done.has(node) || !node.parentNode) continue; \
                    if (node.parentNode.closest('script, style, head') || !node.data.trim()) continue; \
                    node.replaceWith(replacement(node.data)); \
                }} \
            }}; \
            addEventListener('DOMContentLoaded', () => {{ \
                translate(document.body); \
                const changes = {{ childList: true, characterData: true, subtree: true }}; \
                new MutationObserver((changed) => {{ \
                    for (const {{ addedNodes, target }} of changed) {{ \
                        for (const node of addedNodes) if (node.isConnected) translate(node); \
                        if (target.nodeType === Node.TEXT_NODE && target.isConnected) translate(target); \
                    }} \
                }}).observe(document.body, changes); \
            }}); \
        }})();"
    )
}

/// As Google's does it.
pub const FONTS: &str = "const [outer, inner] = [0, 0].map(() => document.createElement('font')); \
                     inner.append(node); outer.append(inner); return outer;";

/// Other ones.
pub const TEXTS: &str = "return node;";
