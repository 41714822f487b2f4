/* native/tokenizers_abi.h: the `tokenizers` crate (native/src/tokenizer.rs). A tokenizer may be used from any number of
 * threads at once. */
#ifndef MLNODE_NATIVE_TOKENIZERS_ABI_H_
#define MLNODE_NATIVE_TOKENIZERS_ABI_H_

#include "native_abi.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct MlnodeTokenizer MlnodeTokenizer;
typedef struct MlnodeEncoding MlnodeEncoding; /* one arena: the result of one encode call */

/* What an encoding holds: sequence i is [offsets[i], offsets[i + 1]) of both arrays. Lives as long as the encoding. */
typedef struct MlnodeEncodingView {
  const int64_t* ids;
  const int64_t* type_ids; /* NULL when all are 0 */
  const size_t* offsets;   /* sequences + 1 */
  size_t sequences;
  size_t truncated; /* sequences that were cut */
  /* Where each token comes from; NULL but for mlnode_tokenizer_encode_chunks: its text (0 the first, 1 the second, -1 a
   * special token), and which word of that text, as the pre-tokenizer counts them from 0 (-1: none). */
  const int8_t* sources;
  const int64_t* words;
} MlnodeEncodingView;

/* Loads the text of a tokenizer.json. Padding and truncation that the file asks for are switched off. */
int32_t mlnode_tokenizer_load(MlnodeText json, MlnodeTokenizer** tokenizer, MlnodeNativeError* error);
void mlnode_tokenizer_free(MlnodeTokenizer* tokenizer);
/* truncation.max_length of the file; 0 = the file has none. */
uint64_t mlnode_tokenizer_max_length(const MlnodeTokenizer* tokenizer);

/* Encodes each text with special tokens added, cut to max_tokens (special tokens included, they are never cut away) at
 * the side that the file names (right by default). */
int32_t mlnode_tokenizer_encode(const MlnodeTokenizer* tokenizer, const MlnodeText* texts, size_t count,
                                size_t max_tokens, MlnodeEncoding** encoding, MlnodeNativeError* error);
/* One sequence a pair (first, seconds[i]), special tokens added, cut longest first to max_tokens. A text of `seconds`
 * that is not UTF-8 is named by its index, `first` by an error text of its own (MLNODE_NATIVE_INVALID). */
int32_t mlnode_tokenizer_encode_pairs(const MlnodeTokenizer* tokenizer, MlnodeText first, const MlnodeText* seconds,
                                      size_t count, size_t max_tokens, MlnodeEncoding** encoding,
                                      MlnodeNativeError* error);
typedef struct MlnodeChunkLimits {
  size_t max_tokens;       /* of a piece, special tokens included */
  size_t stride;           /* tokens of the second text that neighbouring pieces share */
  size_t max_total_tokens; /* pieces times max_tokens */
  size_t max_pieces;       /* later ones are not made; at least 1 */
} MlnodeChunkLimits;
/* The pair (first, second) as one or more sequences of at most max_tokens: each has the whole of `first` and a piece of
 * `second`. The encoding's `truncated` is 1 when max_pieces left something out. MLNODE_NATIVE_INVALID when `first`
 * leaves no room for more than `stride` tokens, MLNODE_NATIVE_TOO_LARGE beyond max_total_tokens, before any piece is
 * made. */
int32_t mlnode_tokenizer_encode_chunks(const MlnodeTokenizer* tokenizer, MlnodeText first, MlnodeText second,
                                       MlnodeChunkLimits limits, MlnodeEncoding** encoding, MlnodeNativeError* error);
void mlnode_encoding_view(const MlnodeEncoding* encoding, MlnodeEncodingView* view);
void mlnode_encoding_free(MlnodeEncoding* encoding);

/* The text of ids, special tokens skipped; ids that the vocabulary does not know are skipped. Free with
 * mlnode_tokenizer_free_text. */
int32_t mlnode_tokenizer_decode(const MlnodeTokenizer* tokenizer, const int64_t* ids, size_t count, MlnodeText* text,
                                MlnodeNativeError* error);
/* The vocabulary's text of one id ("##ing"), special and added tokens included; empty for an id that it does not know.
 * Free with mlnode_tokenizer_free_text. */
int32_t mlnode_tokenizer_token(const MlnodeTokenizer* tokenizer, int64_t id, MlnodeText* text,
                               MlnodeNativeError* error);
/* One more than the largest id of the vocabulary, special and added tokens included. Goes through the vocabulary. */
int32_t mlnode_tokenizer_id_limit(const MlnodeTokenizer* tokenizer, uint64_t* limit, MlnodeNativeError* error);
void mlnode_tokenizer_free_text(MlnodeText text);

#ifdef __cplusplus
}
#endif
#endif
