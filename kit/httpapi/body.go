package httpapi

import (
	"bytes"
	"mime"
	"strings"

	"github.com/gofiber/fiber/v2"

	"orders/kit/httpapi/problem"
)

var byteOrderMark = []byte("\ufeff")

// JSONBody returns the body of a request that must be JSON, as it was sent, without the byte order mark that some clients
// put before it (RFC 8259, section 8.1). The slice is valid until the handler returns. It returns a problem for another
// media type and for every Content-Encoding but identity: fiber's Ctx.Body decompresses a body without any size limit.
func JSONBody(c *fiber.Ctx) ([]byte, error) {
	media, _, err := mime.ParseMediaType(c.Get(fiber.HeaderContentType))
	if err != nil || media != fiber.MIMEApplicationJSON {
		return nil, problem.New(problem.UnsupportedMediaType, "send Content-Type: application/json")
	}
	for _, line := range c.Request().Header.PeekAll(fiber.HeaderContentEncoding) {
		for coding := range strings.SplitSeq(string(line), ",") {
			if coding = strings.TrimSpace(coding); coding != "" && !strings.EqualFold(coding, "identity") {
				return nil, problem.New(problem.UnsupportedMediaType, "send the body without Content-Encoding")
			}
		}
	}
	return bytes.TrimPrefix(c.Request().Body(), byteOrderMark), nil
}
