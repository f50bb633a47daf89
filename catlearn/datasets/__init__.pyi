from .flickr import (
    Captioned as Captioned,
    Flickr8k as Flickr8k,
    load_flickr8k as load_flickr8k,
    parse_captions as parse_captions,
)
from .mnist import (
    Digits as Digits,
    load_mnist as load_mnist,
    parse_idx as parse_idx,
    read_idx as read_idx,
)
from .omniglot import (
    Characters as Characters,
    Omniglot as Omniglot,
    load_omniglot as load_omniglot,
    read_archive as read_archive,
)
