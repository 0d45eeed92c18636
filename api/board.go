package api

import (
	"net"

	"github.com/gofiber/fiber/v2"
)

// boardEvents answers GET /board/events: the sale board's figures as
// server-sent events, to administrators.
func (s *Server) boardEvents(c *fiber.Ctx) error {
	who, err := s.streamCaller(c, roleAdmin)
	if err != nil {
		return err
	}
	if err := s.deps.Board.Admit(); err != nil {
		return err
	}
	return hijackStream(c, func(conn net.Conn) { s.deps.Board.Serve(conn, who.expires) })
}
